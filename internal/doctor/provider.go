package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// Settings are those settings of a provider that the checks compare with what it says.
type Settings struct {
	Name             string // "" in an app with one
	Issuer, ClientID string
	AuthMethod       string
	KeyID            string // of the client's key, if it has one
	RedirectURL      string
	SignedOutURL     string // where the browser goes after a sign-out
	ResponseMode     string
	Scopes, Algs     []string
	ClockTolerance   time.Duration

	GroupsClaim   string // the member of the ID token that has the groups
	NeedsGroups   bool   // the app has a guard that requires groups, or names the claim
	NeedsUserInfo bool
	KeepsTokens   bool
	DropsIDToken  bool // sessions do not keep it
	Introspects   bool

	// Setting returns how the operator sets a field: the name of a variable, or of the field.
	Setting func(field string) string
}

// check judges a provider. Its methods are the checks.
type check struct {
	findings
	Settings
	*provider.Probe
}

// Provider returns what is to be said about a provider. now is the time of the probe.
func Provider(s Settings, p *provider.Probe, now time.Time) []Finding {
	c := &check{findings{provider: s.Name}, s, p}
	c.connection(now)
	if c.discovery(); p.Metadata == nil {
		return c.list
	}
	c.clock()
	c.keys()
	c.algorithms()
	c.endpoints()
	c.client()
	c.pkce()
	c.authorization()
	c.signOut()
	c.scopes()
	c.claims()
	return c.list
}

// connection judges TLS. That it is required outside loopback, the configuration has checked.
func (c *check) connection(now time.Time) {
	const soon = 14 * 24 * time.Hour
	switch left := c.ValidUntil.Sub(now); {
	case c.Discovery.Status == 0:
	case c.TLS == "" && strings.HasPrefix(c.Issuer, "https:"):
		c.ok("tls", "https, by a Transport that says no more")
	case c.TLS == "":
		c.ok("tls", "plain http, which is for loopback only")
	case left < soon && !c.ValidUntil.IsZero():
		c.warn("tls_expires", "renew the certificate of the provider",
			"the certificate of the provider is valid until %s", c.ValidUntil.Format(time.DateOnly))
	default:
		c.ok("tls", "%s, certificate valid until %s", c.TLS, c.ValidUntil.Format(time.DateOnly))
	}
}

// discovery judges whether the metadata can be had and is that of the configured issuer.
func (c *check) discovery() {
	issuer, at := c.Setting("Issuer"), strings.TrimSuffix(c.Issuer, "/")+"/.well-known/openid-configuration"
	switch err := c.Discovery.Err; {
	case err == nil:
		c.ok("discovery", "metadata read from %s", at)
		c.ok("issuer", "the provider calls itself %s", c.Issuer)
	case errors.Is(err, provider.ErrIssuerMismatch):
		c.issuer()
	case c.Discovery.Status == 0:
		c.unreachable(at)
	case c.Discovery.Status == 404:
		c.fail("discovery_not_found", "correct "+issuer+", such as the name of the realm or tenant in its path",
			"there is no metadata at %s: the provider answered 404%s", at, said(c.Discovery))
	case err.Code == "redirect":
		c.fail("discovery_redirect", "set "+issuer+" to the address that the redirect leads to, if that is the provider",
			"%s is redirected, which is not followed", at)
	case slices.Contains([]string{"fapi2_unsupported", "ipsie_unsupported", "dpop_unsupported"}, err.Code):
		c.ok("discovery", "metadata read from %s", at)
		c.fail(err.Code, "switch this on at the provider, or change "+c.Setting("Profile")+" or "+c.Setting("DPoP"),
			"%v", err.Err)
	case err.Code == "par_required":
		c.fail("par_required", c.pushFix(), "%v", err.Err)
	case err.Code == "par_unsupported":
		c.fail("par_unsupported", "set "+c.Setting("PushedAuthorization")+" to auto, or switch pushed authorization "+
			"requests on at the provider", "%v", err.Err)
	case errors.Is(err, provider.ErrUnavailable):
		c.fail("discovery_failed", tryAgain, "%s: %v%s", at, err.Err, said(c.Discovery))
	default:
		c.fail("discovery_invalid", "check that "+issuer+" is that of an OpenID provider", "%s: %v", at, err.Err)
	}
}

// issuer explains why the issuers differ. Nothing else was asked: the client's secret is for the configured one.
func (c *check) issuer() {
	code, fix := "issuer_mismatch", "set %s to exactly what the provider calls itself, if that is the provider you mean"
	if strings.TrimSuffix(c.Named, "/") == strings.TrimSuffix(c.Issuer, "/") {
		code, fix = "issuer_slash", "set %s to exactly "+c.Named
	}
	c.fail(code, strings.Replace(fix, "%s", c.Setting("Issuer"), 1),
		"configured is %s, and the provider calls itself %s", c.Issuer, c.Named)
}

func (c *check) unreachable(at string) {
	err := c.Discovery.Err
	switch err.Code {
	case "tls":
		c.fail("discovery_tls", "if the certificate is from an authority of your own, set "+c.Setting("RootCAs")+
			"; otherwise correct it at the provider", "no TLS connection to %s: %v", at, err.Err)
	case "private_address":
		c.fail("discovery_private", "set AllowPrivateAddresses if this provider may be there",
			"%s is no public address", at)
	default:
		c.fail("discovery_unreachable", "check the host and the port of "+c.Setting("Issuer")+", and that this machine can "+
			"reach them, through HTTPS_PROXY if that is set", "%s does not answer: %v", at, err.Err)
	}
}

// clock judges the provider's clock. Tokens of one that is ahead, or behind, are refused beyond the tolerance.
func (c *check) clock() {
	const noticeable = 5 * time.Second
	skew, direction := c.Skew.Round(time.Second), "ahead of"
	if skew < 0 {
		skew, direction = -skew, "behind"
	}
	const fix = "synchronize the clock of this machine, and that of the provider"
	switch {
	case !c.Dated:
		c.ok("clock", "the provider does not say what time it is")
	case skew > c.ClockTolerance:
		c.fail("clock_skew", fix, "the provider's clock is %s %s this one, and %s are tolerated: its tokens are refused",
			skew, direction, c.ClockTolerance)
	case skew > noticeable:
		c.warn("clock_skew", fix, "the provider's clock is %s %s this one, and %s are tolerated",
			skew, direction, c.ClockTolerance)
	default:
		c.ok("clock", "the clocks agree within %s", noticeable)
	}
}

// failure says why there is no answer of use.
func failure(r provider.Reply) string {
	if r.Err != nil && r.Err.Err != nil {
		return r.Err.Err.Error()
	}
	return fmt.Sprintf("status %d%s", r.Status, said(r))
}

// said quotes the error of an answer, for the text of a finding.
func said(r provider.Reply) string {
	switch {
	case r.Code == "":
		return ""
	case r.Description == "":
		return ", " + r.Code
	}
	return ", " + r.Code + ": " + strings.TrimSuffix(r.Description, ".")
}

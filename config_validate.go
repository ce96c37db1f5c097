package ginoidc

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/store"
)

// ConfigError is one problem of a [Config]. [New] and [ConfigFromEnv] join all they find.
type ConfigError struct {
	Field    string // field of Config, such as "AppURL"; "" for a variable that sets none
	Variable string // environment variable that set the field or should have, such as "OIDC_APP_URL"; "" where code did
	Problem  string // what is wrong
	Mend     string // what to do about it
}

// Error names the variable, the field, the problem and the mend on one line.
func (e *ConfigError) Error() string {
	where := e.Variable
	switch {
	case e.Variable == "":
		where = e.Field
	case e.Field != "":
		where += " (" + e.Field + ")"
	}
	return fmt.Sprintf("ginoidc: %s: %s; %s", where, e.Problem, e.Mend)
}

// problems collects what is wrong with a Config.
type problems struct {
	variables map[string]string // by field
	failed    map[string]error  // by field, why its variable did not set it
	errs      []error
}

// unread reports whether a field is as it is because its variable could not be read.
func (p *problems) unread(field string) bool {
	return p.failed[field] != nil && p.variables[field] != ""
}

// add adds a problem of a field. What is wrong with a field whose variable could not be read follows from that, which is
// said instead, in the words of ConfigFromEnv.
func (p *problems) add(field, problem, mend string) {
	if err := p.failed[field]; p.unread(field) {
		if !slices.Contains(p.errs, err) {
			p.errs = append(p.errs, err)
		}
		return
	}
	p.errs = append(p.errs, &ConfigError{Field: field, Variable: p.variables[field], Problem: problem, Mend: mend})
}

var (
	cookieNamePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	tokenPattern      = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`) // RFC 6749, section 3.3
)

// validate reports every problem of a Config that has its defaults. variables are those that its fields come from.
func (c *Config) validate(variables map[string]string) error {
	p := &problems{variables: variables, failed: c.env.failed}
	c.validateProvider(p)
	c.validateApp(p)
	c.validateSecrets(p)
	c.validateSession(p)
	c.validateClaims(p)
	c.validateTexts(p)
	c.validateRoutes(p)
	return errors.Join(p.errs...)
}

func (c *Config) validateProvider(p *problems) {
	if issuer, ok := issuerOf(c.Issuer); ok {
		p.add("Issuer", "is the address of the provider's metadata", fmt.Sprintf("set it to %q, or as the member issuer of that document spells it", issuer))
	} else if why := badURL(c.Issuer); why != "" {
		p.add("Issuer", why, "set the issuer exactly as the provider's discovery document spells it")
	}
	if c.ClientID == "" {
		p.add("ClientID", "is empty", "set the client id that the provider registered")
	}
	c.validateClient(p)
	if mode := strings.TrimSuffix(c.ResponseMode, provider.ResponseModeJWT); mode != provider.ResponseModeQuery && mode != provider.ResponseModeFormPost {
		p.add("ResponseMode", fmt.Sprintf("%q is not supported", c.ResponseMode), "use query or form_post, or query.jwt or form_post.jwt for signed answers")
	}
	if !slices.Contains([]string{provider.PushAuto, provider.PushAlways, provider.PushNever}, c.PushedAuthorization) {
		p.add("PushedAuthorization", fmt.Sprintf("%q is not one of its values", c.PushedAuthorization), "use auto, always or never")
	}
	if err := provider.CheckParameters(c.SignInParameters); err != nil {
		p.add("SignInParameters", err.Error(), "leave it out")
	}
	if !slices.Contains(c.Scopes, "openid") {
		p.add("Scopes", "do not contain openid", "add openid: without it the provider returns no ID token")
	}
	for _, s := range c.Scopes {
		if why, _ := spoiled(s); why != "" || !tokenPattern.MatchString(s) {
			p.add("Scopes", fmt.Sprintf("%q is not a scope", s), "give scopes as single words")
		}
	}
	for _, alg := range c.SigningAlgs {
		if !slices.Contains(asymmetricAlgs(), alg) {
			p.add("SigningAlgs", fmt.Sprintf("%q is not accepted", alg), "use one of "+strings.Join(asymmetricAlgs(), " "))
		}
	}
	if c.ClockTolerance < 0 || c.ClockTolerance > maxTolerance {
		p.add("ClockTolerance", fmt.Sprintf("%s is out of range", c.ClockTolerance), "use at most 5m and mend the clocks")
	}
}

// asymmetricAlgs leaves out HS256 and its kin, with which anyone who knows the client secret could sign, and
// none (RFC 8725, sections 2.1 and 3.1).
func asymmetricAlgs() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

func (c *Config) validateApp(p *problems) {
	if why := badURL(c.AppURL); why != "" {
		p.add("AppURL", why, "set the URL under which browsers reach the app, such as https://app.example.com")
	} else if base, ok := c.aboveRoutes(); ok {
		p.add("AppURL", "ends in the path of the plugin's routes", fmt.Sprintf("set it to %q, below which the plugin has its routes, or choose another RoutePrefix", base))
	} else if app, _ := url.Parse(c.AppURL); !cleanPath(app.Path) {
		p.add("AppURL", "its path is not in its plain form", "write the base path without dot segments, escapes and doubled slashes")
	} else if _, targets := c.routesAndTargets(app); c.DefaultReturnTo != "" && !targets.Accept(c.DefaultReturnTo) {
		p.add("DefaultReturnTo", fmt.Sprintf("%q is not an acceptable return target", c.DefaultReturnTo), "use a path of the app")
	}
	if slices.ContainsFunc(c.Authenticators, func(a Authenticator) bool { return a == nil }) {
		p.add("Authenticators", "one of them is nil", "leave it out")
	}
	if !cleanPath(c.RoutePrefix) || c.RoutePrefix == "/" {
		p.add("RoutePrefix", fmt.Sprintf("%q is not a plain path", c.RoutePrefix), `use a path such as "/auth"`)
	}
	if !cookieNamePattern.MatchString(c.CookieName) {
		p.add("CookieName", fmt.Sprintf("%q is not accepted", c.CookieName), "use letters, digits, - and _, without a name prefix")
	}
	for _, o := range c.ReturnOrigins {
		if !isOrigin(o) {
			p.add("ReturnOrigins", fmt.Sprintf("%q is not an origin", o), "write scheme, host and port only, in lower case and without a pattern")
		}
	}
	for _, o := range c.CertificateOrigins {
		if !isOrigin(o) || !strings.HasPrefix(o, "https:") {
			p.add("CertificateOrigins", fmt.Sprintf("%q is not an https origin", o), "write scheme, host and port only, in lower case and without a pattern")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.SignOutParameters)) {
		switch {
		case slices.Contains(ownSignOutParameters(), name):
			p.add("SignOutParameters", fmt.Sprintf("%q is set by the plugin", name), "leave it out")
		case len(c.SignOutParameters[name]) != 1:
			p.add("SignOutParameters", fmt.Sprintf("%q has %d values", name, len(c.SignOutParameters[name])), "give it one")
		}
	}
	if c.PostSignOutURL != "" {
		if why := badURL(c.PostSignOutURL); why != "" {
			p.add("PostSignOutURL", why, "set an absolute URL that is registered at the provider")
		}
	}
}

// ownSignOutParameters are those of a logout request that the plugin sets (OpenID Connect RP-Initiated Logout 1.0, section 2).
func ownSignOutParameters() []string {
	return []string{"client_id", "id_token_hint", "logout_hint", "post_logout_redirect_uri", "state"}
}

func (c *Config) validateSecrets(p *problems) {
	if len(c.CookieSecrets) == 0 {
		p.add("CookieSecrets", "is empty", "set a random secret: openssl rand -base64 32")
	}
	for i, s := range c.CookieSecrets {
		if why := weakSecret(s); why != "" {
			p.add("CookieSecrets", fmt.Sprintf("secret %d %s", i+1, why), "set a random secret: openssl rand -base64 32")
		}
	}
}

const (
	minTimeout, maxTimeout         = time.Second, time.Minute // of ProviderTimeout
	minAttemptLife, maxAttemptLife = time.Minute, 24 * time.Hour
)

func (c *Config) validateSession(p *problems) {
	if c.SessionIdle < time.Second && c.SessionIdle != c.SessionLifetime { // or it follows the lifetime, of which that is said
		p.add("SessionIdle", "is below a second", "use a duration such as 12h")
	}
	if c.SessionLifetime < time.Second {
		p.add("SessionLifetime", "is below a second", "use a duration such as 168h")
	}
	if c.SessionIdle > c.SessionLifetime {
		p.add("SessionIdle", fmt.Sprintf("%s is above the lifetime of %s", c.SessionIdle, c.SessionLifetime), "lower it or raise the lifetime")
	}
	if c.ProviderTimeout < minTimeout || c.ProviderTimeout > maxTimeout {
		p.add("ProviderTimeout", fmt.Sprintf("%s is out of range", c.ProviderTimeout), "use a duration from 1s to 1m")
	}
	if c.AttemptLife < minAttemptLife || c.AttemptLife > maxAttemptLife {
		p.add("AttemptLife", fmt.Sprintf("%s is out of range", c.AttemptLife), "use a duration from 1m to 24h")
	}
	if !slices.Contains([]string{keepAuto, keepAlways, keepNever}, c.KeepIDToken) {
		p.add("KeepIDToken", fmt.Sprintf("%q is not one of its values", c.KeepIDToken), "use auto, always or never")
	}
	c.validateState(p)
}

func (c *Config) validateClaims(p *problems) {
	if c.GroupsClaim != "" && len(c.GroupsPath) > 0 {
		p.add("GroupsPath", "is set together with GroupsClaim", "keep one of them")
	}
	if c.OrganizationsClaim != "" && len(c.OrganizationsPath) > 0 {
		p.add("OrganizationsPath", "is set together with OrganizationsClaim", "keep one of them")
	}
	formats := []string{claims.FormatList, claims.FormatSeparated, claims.FormatKeys}
	if !slices.Contains(formats, c.GroupsFormat) {
		p.add("GroupsFormat", fmt.Sprintf("%q is not one of its values", c.GroupsFormat), "use list, separated or keys")
	}
	if !slices.Contains(formats, c.OrganizationsFormat) {
		p.add("OrganizationsFormat", fmt.Sprintf("%q is not one of its values", c.OrganizationsFormat), "use list, separated or keys")
	}
	if slices.Contains(c.GroupsPath, "") {
		p.add("GroupsPath", "has an empty element", "name a member in each element")
	}
	if slices.Contains(c.OrganizationsPath, "") {
		p.add("OrganizationsPath", "has an empty element", "name a member in each element")
	}
}

// weakSecret says why a secret could be guessed; "" when nothing speaks against it.
func weakSecret(s string) string {
	if len(s) < store.MinSecret {
		return fmt.Sprintf("has %d bytes instead of at least %d", len(s), store.MinSecret)
	}
	for period := 1; period <= len(s)/2; period++ {
		if s[period:] == s[:len(s)-period] {
			return "repeats itself"
		}
	}
	distinct := map[byte]bool{}
	for i := range len(s) {
		distinct[s[i]] = true
	}
	if len(distinct) < 8 {
		return "has no variety"
	}
	return ""
}

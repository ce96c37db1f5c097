package ginoidc

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
)

// ConfigError is one problem of a [Config]. [New] and [ConfigFromEnv] join all problems that they find.
type ConfigError struct {
	Field    string // path in Config, such as "AppURL" or "Providers[0].Issuer"; "" for a variable that sets no field
	Variable string // variable that set the field or should have, such as "OIDC_APP_URL"; "" if code set it
	Problem  string // what is wrong
	Fix      string // how to fix it
}

// Error names the variable, the field, the problem and the fix on one line.
func (e *ConfigError) Error() string {
	where := e.Variable
	switch {
	case e.Variable == "":
		where = e.Field
	case e.Field != "":
		where += " (" + e.Field + ")"
	}
	return fmt.Sprintf("ginoidc: %s: %s; %s", where, e.Problem, e.Fix)
}

// problems collects the problems of a Config.
type problems struct {
	variables  map[string]string // by field, of the fields that code has not changed since ConfigFromEnv
	unreadable map[string]bool   // by field, of the fields whose variable could not be read
	path       string            // prefix of the current fields: "" or, for example, "Providers[0]."
	errs       []error
}

// newProblems starts with the unreadable values of the environment, except for fields that code has set since.
func newProblems(c *Config, variables map[string]string) *problems {
	found := &problems{variables: variables, unreadable: map[string]bool{}}
	for _, err := range c.env.unreadable {
		if err.Field == "" || variables[err.Field] != "" {
			found.errs = append(found.errs, err)
			found.unreadable[err.Field] = true
		}
	}
	return found
}

// unread reports whether the variable of a field could not be read.
func (p *problems) unread(field string) bool { return p.unreadable[p.path+field] }

// add adds a problem of a field, unless its variable could not be read: the problem follows from that, which is already
// reported.
func (p *problems) add(field, problem, fix string) {
	if p.unread(field) {
		return
	}
	field = p.path + field
	p.errs = append(p.errs, &ConfigError{Field: field, Variable: p.variables[field], Problem: problem, Fix: fix})
}

var (
	cookieNamePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	tokenPattern      = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`) // RFC 6749, section 3.3
)

// validate reports every problem of a Config with its defaults. variables are the names of the variables by field.
func (c *Config) validate(variables map[string]string) error {
	found := newProblems(c, variables)
	if n := len(c.Providers); n != 1 {
		found.add("Providers", fmt.Sprintf("has %d providers instead of exactly one", n),
			"describe one; two Auths can share an engine")
	}
	for i := range c.Providers {
		found.path = fmt.Sprintf("Providers[%d].", i)
		c.Providers[i].validate(found)
	}
	found.path = ""
	c.validateApp(found)
	c.validateSecrets(found)
	c.validateSession(found)
	found.texts("UserInfoClaims", c.UserInfoClaims...)
	c.validateRoutes(found)
	return errors.Join(found.errs...)
}

func (c *Config) validateApp(found *problems) {
	if why := badURL(c.AppURL); why != "" {
		found.add("AppURL", why, "set the URL under which browsers reach the app, such as https://app.example.com")
	} else if base, ok := c.aboveRoutes(); ok {
		found.add("AppURL", "ends in the path of the plugin's routes",
			fmt.Sprintf("set it to %q, below which the plugin has its routes, or choose another RoutePrefix", base))
	} else if app, _ := url.Parse(c.AppURL); !cleanPath(app.Path) {
		found.add("AppURL", "its path is not in its plain form",
			"write the base path without dot segments, escapes and doubled slashes")
	} else if _, targets := c.routesAndTargets(app); c.DefaultReturnTo != "" && !targets.Accept(c.DefaultReturnTo) {
		found.add("DefaultReturnTo", fmt.Sprintf("%q is not an acceptable return target", c.DefaultReturnTo),
			"use a path of the app")
	}
	if slices.ContainsFunc(c.Authenticators, func(a Authenticator) bool { return a == nil }) {
		found.add("Authenticators", "one of them is nil", "leave it out")
	}
	if !cleanPath(c.RoutePrefix) || c.RoutePrefix == "/" {
		found.add("RoutePrefix", fmt.Sprintf("%q is not a plain path", c.RoutePrefix), `use a path such as "/auth"`)
	}
	if !cookieNamePattern.MatchString(c.CookieName) {
		found.add("CookieName", fmt.Sprintf("%q is not accepted", c.CookieName),
			"use letters, digits, - and _, without a name prefix")
	}
	found.origins("ReturnOrigins", c.ReturnOrigins)
	found.origins("TrustedOrigins", c.TrustedOrigins)
	for _, pattern := range c.CrossOriginRoutes {
		if !strings.HasPrefix(pattern, "/") {
			found.add("CrossOriginRoutes", fmt.Sprintf("%q is not a route pattern", pattern),
				`write patterns as Gin does, such as "/webhooks/:id"`)
		}
	}
	if c.PostSignOutURL != "" {
		if why := badURL(c.PostSignOutURL); why != "" {
			found.add("PostSignOutURL", why, "set an absolute URL that is registered at the provider")
		}
	}
}

// origins reports entries that are not origins, so that no request could match them.
func (p *problems) origins(field string, origins []string) {
	for _, o := range origins {
		if !isOrigin(o) {
			p.add(field, fmt.Sprintf("%q is not an origin", o),
				"write scheme, host and port only, in lower case and without a pattern")
		}
	}
}

func (c *Config) validateSecrets(found *problems) {
	if len(c.CookieSecrets) == 0 {
		found.add("CookieSecrets", "is empty", "set a random secret: openssl rand -base64 32")
	}
	for i, s := range c.CookieSecrets {
		if why := weakSecret(s); why != "" {
			found.add("CookieSecrets", fmt.Sprintf("secret %d %s", i+1, why), "set a random secret: openssl rand -base64 32")
		}
	}
}

const (
	minAttemptLife, maxAttemptLife = time.Minute, 24 * time.Hour
)

func (c *Config) validateSession(found *problems) {
	if c.SessionIdle < time.Second && c.SessionIdle != c.SessionLifetime { // else the lifetime is reported
		found.add("SessionIdle", "is below a second", "use a duration such as 12h")
	}
	if c.SessionLifetime < time.Second {
		found.add("SessionLifetime", "is below a second", "use a duration such as 168h")
	}
	if c.SessionIdle > c.SessionLifetime {
		found.add("SessionIdle", fmt.Sprintf("%s is above the lifetime of %s", c.SessionIdle, c.SessionLifetime),
			"lower it or raise the lifetime")
	}
	if c.AttemptLife < minAttemptLife || c.AttemptLife > maxAttemptLife {
		found.add("AttemptLife", fmt.Sprintf("%s is out of range", c.AttemptLife), "use a duration from 1m to 24h")
	}
	if !slices.Contains([]string{Auto, Always, Never}, c.KeepIDToken) {
		found.add("KeepIDToken", fmt.Sprintf("%q is not one of its values", c.KeepIDToken), "use auto, always or never")
	}
	c.validateState(found)
}

// weakSecret returns why a secret could be guessed, or "" if it is acceptable.
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

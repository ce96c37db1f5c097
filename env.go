package ginoidc

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ConfigFromEnv reads a [Config] from the environment variables that begin with prefix ("OIDC_"; a missing
// final underscore is added). docs/configuration.md lists them. A value that cannot be parsed is a
// [ConfigError]; all are joined, and the Config returned beside them is usable for finding the problems that
// [New] reports. A variable under the prefix that the plugin does not know is a warning that New logs, with the
// nearest known name: platforms inject names of their own.
func ConfigFromEnv(prefix string) (Config, error) {
	if prefix != "" && !strings.HasSuffix(prefix, "_") {
		prefix += "_"
	}
	c := Config{AppURL: "http://localhost:8080", env: environment{prefix: prefix}}
	p := &problems{prefix: prefix}
	known := map[string]bool{}
	for _, v := range variables() {
		known[v.name] = true
		known[v.alias] = true
		value, ok := v.lookup(p)
		if !ok {
			continue
		}
		if err := v.set(&c, value); err != nil {
			p.errs = append(p.errs, &ConfigError{Field: v.field, Variable: prefix + v.name, Problem: err.Error(), Mend: v.mend})
		}
	}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if suffix, ok := strings.CutPrefix(name, prefix); ok && prefix != "" && !known[suffix] && suffix != "ENV_PREFIX" {
			c.env.unknown = append(c.env.unknown, name)
		}
	}
	slices.Sort(c.env.unknown)
	return c, errors.Join(p.errs...)
}

// variable is one environment variable: its name without the prefix and what it sets.
type variable struct {
	name, alias, field, mend string
	set                      func(c *Config, value string) error
}

// lookup finds the variable's value. An empty variable counts as absent, as orchestrators write it.
func (v variable) lookup(p *problems) (string, bool) {
	value := os.Getenv(p.prefix + v.name)
	if v.alias == "" {
		return value, value != ""
	}
	other := os.Getenv(p.prefix + v.alias)
	if other != "" && !strings.Contains(other, "://") {
		other = "https://" + other
	}
	if value != "" && other != "" && value != other {
		p.add(v.field, fmt.Sprintf("differs from %s%s", p.prefix, v.alias), "keep one of them")
	}
	if value == "" {
		value = other
	}
	return value, value != ""
}

// variables is the whole environment, in the order of docs/configuration.md.
func variables() []variable {
	const duration = "write a Go duration such as 12h or 90s"
	const boolean = "write true or false"
	return []variable{
		{name: "ISSUER", alias: "TENANT_DOMAIN", field: "Issuer", set: text(func(c *Config) *string { return &c.Issuer })},
		{name: "CLIENT_ID", field: "ClientID", set: text(func(c *Config) *string { return &c.ClientID })},
		{name: "CLIENT_SECRET", field: "ClientSecret", set: text(func(c *Config) *string { return &c.ClientSecret })},
		{name: "CLIENT_AUTH_METHOD", field: "ClientAuthMethod", set: text(func(c *Config) *string { return &c.ClientAuthMethod })},
		{name: "CLIENT_KEY_FILE", field: "ClientKey", mend: "name a readable file with a PEM or JWK private key", set: clientKeyFile},
		{name: "APP_URL", field: "AppURL", set: text(func(c *Config) *string { return &c.AppURL })},
		{name: "COOKIE_SECRET", field: "CookieSecrets", set: words(func(c *Config) *[]string { return &c.CookieSecrets })},
		{name: "SCOPES", field: "Scopes", set: words(func(c *Config) *[]string { return &c.Scopes })},
		{name: "RESPONSE_MODE", field: "ResponseMode", set: text(func(c *Config) *string { return &c.ResponseMode })},
		{name: "USE_PAR", field: "PushedAuthorization", mend: "write auto, true or false", set: usePAR},
		{name: "SIGNING_ALGS", field: "SigningAlgs", set: words(func(c *Config) *[]string { return &c.SigningAlgs })},
		{name: "GROUPS_CLAIM", field: "GroupsClaim", set: text(func(c *Config) *string { return &c.GroupsClaim })},
		{name: "ORGANIZATIONS_CLAIM", field: "OrganizationsClaim", set: text(func(c *Config) *string { return &c.OrganizationsClaim })},
		{name: "FETCH_USER_INFO", field: "SkipUserInfo", mend: boolean, set: truth(func(c *Config, on bool) { c.SkipUserInfo = !on })},
		{name: "KEEP_TOKENS", field: "KeepTokens", mend: boolean, set: truth(func(c *Config, on bool) { c.KeepTokens = on })},
		{name: "SESSION_IDLE", field: "SessionIdle", mend: duration, set: span(func(c *Config) *time.Duration { return &c.SessionIdle })},
		{name: "SESSION_LIFETIME", field: "SessionLifetime", mend: duration, set: span(func(c *Config) *time.Duration { return &c.SessionLifetime })},
		{name: "CLOCK_TOLERANCE", field: "ClockTolerance", mend: duration, set: span(func(c *Config) *time.Duration { return &c.ClockTolerance })},
		{name: "BEARER_AUDIENCE", mend: "unset it", set: unsupported},
		{name: "CA_FILE", field: "RootCAs", mend: "name a readable file of PEM certificates", set: caFile},
		{name: "INITIATE_LOGIN", field: "InitiateLogin", mend: boolean, set: truth(func(c *Config, on bool) { c.InitiateLogin = on })},
	}
}

// variableOf names the environment variable that sets a field, "" where none does.
func variableOf(prefix, field string) string {
	for _, v := range variables() {
		if v.field == field {
			return prefix + v.name
		}
	}
	return ""
}

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		*field(c) = value
		return nil
	}
}

func words(field func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, value string) error {
		*field(c) = strings.Fields(value)
		return nil
	}
}

func span(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return fmt.Errorf("%q is not a positive duration", value)
		}
		*field(c) = d
		return nil
	}
}

func unsupported(*Config, string) error {
	return errors.New("is not supported by this version")
}

func truth(set func(c *Config, on bool)) func(*Config, string) error {
	return func(c *Config, value string) error {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		set(c, on)
		return nil
	}
}

func usePAR(c *Config, value string) error {
	modes := map[string]string{pushAuto: pushAuto, "true": pushAlways, "false": pushNever}
	mode, ok := modes[value]
	if !ok {
		return fmt.Errorf("%q is none of its values", value)
	}
	c.PushedAuthorization = mode
	return nil
}

func clientKeyFile(c *Config, value string) (err error) {
	if c.ClientKey, err = os.ReadFile(value); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	if len(c.ClientKey) == 0 {
		return fmt.Errorf("%q is empty", value)
	}
	return nil
}

func caFile(c *Config, value string) error {
	pem, err := os.ReadFile(value)
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%q holds no certificate", value)
	}
	c.RootCAs = pool
	return nil
}

// nearest returns the known variable that is closest to an unknown one, for a hint at a misspelling.
func (e environment) nearest(unknown string) string {
	best, name := len(unknown), ""
	for _, v := range variables() {
		if d := editDistance(unknown, e.prefix+v.name); d < best {
			best, name = d, e.prefix+v.name
		}
	}
	return name
}

// editDistance is the Levenshtein distance, by bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

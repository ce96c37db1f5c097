package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// doctor checks the configuration of the environment against its providers, and prints what it finds.
func doctor(ctx context.Context, args []string, out, errOut io.Writer) int {
	flags := newFlags("doctor", errOut)
	prefix := flags.String("prefix", "OIDC_", "what the `names` of the variables begin with")
	asJSON := flags.Bool("json", false, "print a list of objects instead of text")
	redis := flags.String("redis", "", "the `variable` with the URL of the app's Redis, such as REDIS_URL")
	if status, ok := parseAlone(flags, args); !ok {
		return status
	}
	found := examine(ctx, *prefix, *redis)
	render := printFindings
	if *asJSON {
		render = printJSON
	}
	if err := render(out, found); err != nil {
		fmt.Fprintf(errOut, "ginoidc doctor: %v\n", err)
		return exitFailed
	}
	for _, f := range found {
		if f.Severity == ginoidc.SeverityError {
			return exitFailed
		}
	}
	return exitOK
}

// examine makes an Auth as the app does, and checks it. A configuration that New refuses is checked no further.
func examine(ctx context.Context, prefix, redis string) (found []ginoidc.Finding) {
	cfg, _ := ginoidc.ConfigFromEnv(prefix) // New reports what it cannot read
	warnings := &warnings{found: &found}
	cfg.Logger = slog.New(warnings)
	auth, err := ginoidc.New(cfg)
	if err != nil {
		return append(found, configFindings(err)...)
	}
	warnings.off = true // the checks say more
	if redis != "" {
		store, err := openRedis(redis, cfg)
		if err != nil {
			return append(found, problem("config", err.Error(), "correct "+redis))
		}
		defer store.Close()
		cfg.Store, cfg.State = store, store
		if auth, err = ginoidc.New(cfg); err != nil {
			return append(found, configFindings(err)...)
		}
	}
	return append(found, auth.Check(ctx)...)
}

// openRedis opens a store as an app does that keeps sessions and shared state there. The address is in a variable,
// because anyone on this machine can read the arguments of a command.
func openRedis(variable string, cfg ginoidc.Config) (*redisstate.Store, error) {
	url := os.Getenv(variable)
	if url == "" {
		return nil, fmt.Errorf("%s is not set", variable)
	}
	return redisstate.New(redisstate.Config{URL: url, Secrets: cfg.CookieSecrets, Logger: slog.New(slog.DiscardHandler)})
}

func problem(code, seen, fix string) ginoidc.Finding {
	return ginoidc.Finding{Code: code, Severity: ginoidc.SeverityError, Seen: seen, Fix: fix}
}

// configFindings returns a finding for each problem that New has found.
func configFindings(err error) (found []ginoidc.Finding) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			found = append(found, configFindings(one)...)
		}
		return found
	}
	if one := (*ginoidc.ConfigError)(nil); errors.As(err, &one) {
		name := one.Variable
		if name == "" {
			name = one.Field
		}
		return []ginoidc.Finding{problem("config", name+" "+one.Problem, one.Fix)}
	}
	return []ginoidc.Finding{problem("config", err.Error(), "correct the setting")}
}

// warnings is a [slog.Handler] that makes findings of what New warns of, such as a variable with a typing error.
type warnings struct {
	found *[]ginoidc.Finding
	off   bool
}

// Enabled implements [slog.Handler].
func (w *warnings) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && !w.off
}

// Handle implements [slog.Handler].
func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	seen := strings.TrimPrefix(r.Message, "ginoidc: ")
	r.Attrs(func(a slog.Attr) bool {
		seen += fmt.Sprintf(", %s %s", a.Key, a.Value)
		return true
	})
	*w.found = append(*w.found, ginoidc.Finding{
		Code: "startup_warning", Severity: ginoidc.SeverityWarning, Seen: seen,
		Fix: "correct the variable, or remove it if it is not the plugin's",
	})
	return nil
}

// WithAttrs implements [slog.Handler].
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler { return w }

// WithGroup implements [slog.Handler].
func (w *warnings) WithGroup(string) slog.Handler { return w }

// printJSON prints the findings for programs.
func printJSON(out io.Writer, found []ginoidc.Finding) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(found)
}

// printFindings prints the findings for people: those of the app, and those of each provider below its name.
func printFindings(out io.Writer, found []ginoidc.Finding) error {
	var text strings.Builder
	count, provider := map[string]int{}, ""
	for _, f := range found {
		if f.Provider != provider {
			provider = f.Provider
			fmt.Fprintf(&text, "\n%s\n", provider)
		}
		count[f.Severity]++
		fmt.Fprintf(&text, "%-8s %s: %s\n", f.Severity, f.Code, f.Seen)
		if f.Fix != "" {
			fmt.Fprintf(&text, "         → %s\n", f.Fix)
		}
	}
	fmt.Fprintf(&text, "\n%s, %s\n",
		counted(count[ginoidc.SeverityError], "error"), counted(count[ginoidc.SeverityWarning], "warning"))
	_, err := io.WriteString(out, text.String())
	return err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

// devProvider runs the provider of package ginoidctest until ctx is done. It asks for no password, so it listens on
// loopback only: on a network, anyone could sign in as anyone.
func devProvider(ctx context.Context, args []string, out, errOut io.Writer) int {
	flags := newFlags("dev-provider", errOut)
	addr := flags.String("addr", "localhost:9400", "the loopback `address` to listen on; port 0 is any free port")
	cfg := ginoidctest.Config{Logger: slog.New(slog.NewTextHandler(errOut, nil))}
	flags.StringVar(&cfg.ClientID, "client-id", "app", "the `id` of the client")
	flags.StringVar(&cfg.ClientSecret, "client-secret", "secret", "the `secret` of the client")
	flags.Func("redirect-uri", "a redirect `URI` of the client, compared exactly; may be repeated (default "+
		defaultRedirectURI+")", func(uri string) error {
		cfg.RedirectURIs = append(cfg.RedirectURIs, uri)
		return nil
	})
	flags.Func("users", "a JSON `file` with the users; see docs/doctor.md (default alice, bob and carol)",
		func(name string) (err error) {
			cfg.Users, err = readUsers(name)
			return err
		})
	if status, ok := parseAlone(flags, args); !ok {
		return status
	}
	if cfg.RedirectURIs == nil {
		cfg.RedirectURIs = []string{defaultRedirectURI}
	}
	if err := serveProvider(ctx, *addr, cfg, out); err != nil {
		fmt.Fprintf(errOut, "ginoidc dev-provider: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// defaultRedirectURI is that of an app that sets neither AppURL nor RoutePrefix.
const defaultRedirectURI = "http://localhost:8080/auth/callback"

// serveProvider returns nil when ctx is done.
func serveProvider(ctx context.Context, addr string, cfg ginoidctest.Config, out io.Writer) error {
	listener, err := listenLoopback(ctx, addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	cfg.Issuer = issuerAt(addr, listener.Addr())
	provider, err := ginoidctest.New(cfg)
	if err != nil {
		return err
	}
	if cfg.Users == nil {
		cfg.Users = ginoidctest.DemoUsers()
	}
	describe(out, cfg)
	server := &http.Server{
		Handler: provider, ReadHeaderTimeout: 5 * time.Second,
		ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// listenLoopback refuses addresses that other machines can reach. A name is judged by what it is, and again by the
// address that it turned out to have.
func listenLoopback(ctx context.Context, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	refusal := fmt.Errorf("%q is no loopback address: this provider asks for no password, "+
		"so anyone who can reach it can sign in as anyone; use localhost, 127.0.0.1 or [::1]", host)
	if !origin.IsLoopback(host) {
		return nil, refusal
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if at, ok := listener.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		return nil, errors.Join(refusal, listener.Close())
	}
	return listener, nil
}

// issuerAt returns the issuer with the host of addr, as the operator spelled it, and the port in use.
func issuerAt(addr string, at net.Addr) string {
	host, _, _ := net.SplitHostPort(addr)
	_, port, _ := net.SplitHostPort(at.String())
	return "http://" + net.JoinHostPort(host, port)
}

// describe prints what an app has to set, as lines for a shell, and who can sign in.
func describe(out io.Writer, cfg ginoidctest.Config) {
	fmt.Fprintf(out, "# A provider for development. It asks for no password, and forgets everything when it ends.\n"+
		"# In the shell of the app:\n"+
		"export OIDC_ISSUER=%s\nexport OIDC_CLIENT_ID=%s\nexport OIDC_CLIENT_SECRET=%s\nexport OIDC_COOKIE_SECRET=%s\n",
		quoted(cfg.Issuer), quoted(cfg.ClientID), quoted(cfg.ClientSecret), newSecret())
	fmt.Fprintf(out, "# Redirect URIs: %s\n# Sign in as\n", strings.Join(cfg.RedirectURIs, ", "))
	for _, u := range cfg.Users {
		fmt.Fprintf(out, "#   %s%s%s\n", u.Subject, names("groups", u.Groups), names("organizations", u.Organizations))
	}
}

func names(kind string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "; " + kind + " " + strings.Join(list, ", ")
}

// quoted returns text as one word of a POSIX shell.
func quoted(text string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("-._~:/@%+=,", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// readUsers reads a list of users, with the names of claims.
func readUsers(file string) ([]ginoidctest.User, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []struct {
		Subject       string         `json:"sub"`
		Name          string         `json:"name"`
		Email         string         `json:"email"`
		EmailVerified bool           `json:"email_verified"`
		Picture       string         `json:"picture"`
		Groups        []string       `json:"groups"`
		Organizations []string       `json:"organizations"`
		Claims        map[string]any `json:"claims"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		return nil, err
	}
	users := make([]ginoidctest.User, len(list))
	for i, u := range list {
		if users[i] = ginoidctest.User(u); u.Subject == "" {
			return nil, fmt.Errorf("user %d has no sub", i+1)
		}
	}
	if len(users) == 0 {
		return nil, errors.New("there is no user")
	}
	return users, nil
}

// Command example is an app that signs in its users with package ginoidc. Without configuration it starts a test
// provider:
//
//	go run ./example
//
// Read routes.go first: it shows what each route requires. The environment variables are those of
// [ginoidc.ConfigFromEnv], and ADDR or PORT for the address to listen on.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// Exit statuses.
const (
	exitOK = iota
	exitFailed
	exitBadConfig
)

// shutdownLimit is how long running requests may take to finish after a signal.
const shutdownLimit = 10 * time.Second

func main() {
	gin.SetMode(gin.ReleaseMode)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Stdout, os.Stderr))
}

// run runs the app until shutdown and returns the exit status.
func run(ctx context.Context, out, errOut io.Writer) int {
	log := slog.New(slog.NewTextHandler(errOut, nil))
	s, unreadable := settingsFromEnv()
	s.oidc.Logger = log
	var unsuited, noProvider, badState error
	if s.bundled {
		var client ginoidctest.Config
		if client, unsuited = bundledClient(&s.oidc, s.prefix); unsuited == nil {
			var stop func()
			stop, noProvider = startProvider(&s.oidc, client)
			defer stop()
		}
	}
	if stop, err := useState(&s); err != nil {
		badState = err
	} else {
		defer stop()
	}
	if errors.Join(unreadable, unsuited, badState) != nil { // New only adds its own problems
		s.oidc.Logger = slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	auth, invalid := ginoidc.New(s.oidc)
	problems := distinct(unreadable, badState, invalid)
	if len(problems) == 0 { // a malformed key is unsuited too, but has been reported
		problems = distinct(unsuited)
	}
	if len(problems) > 0 {
		for _, p := range problems {
			fmt.Fprintln(errOut, p)
		}
		return exitBadConfig
	}
	if noProvider != nil {
		log.Error("the bundled provider does not start", "error", noProvider)
		return exitFailed
	}
	if err := listenAndServe(ctx, auth, s, out); err != nil {
		log.Error("the app ends", "error", err)
		return exitFailed
	}
	return exitOK
}

// useState keeps sessions and shared state where the environment says.
func useState(s *settings) (stop func(), err error) {
	switch {
	case s.redis != "" && s.database != "": // reported
	case s.redis != "":
		return useRedis(&s.oidc, s.redis)
	case s.database != "":
		return useDatabase(&s.oidc, s.database)
	}
	return func() {}, nil
}

// listenAndServe returns nil when ctx is done.
func listenAndServe(ctx context.Context, auth *ginoidc.Auth, s settings, out io.Writer) error {
	engine, err := newEngine(ctx, auth, s.oidc, s.oidc.Logger)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("the app cannot listen: %w", err)
	}
	greet(out, s)
	server := newServer(engine, s.oidc.Logger)
	slowest := slices.MaxFunc(s.oidc.Providers, func(p, q ginoidc.Provider) int {
		return cmp.Compare(p.Timeout, q.Timeout)
	})
	server.WriteTimeout += 4 * slowest.Timeout // twice for the metadata and twice for a callback's calls
	return serve(ctx, server, listener)
}

// newServer sets the time limits that net/http leaves open. Without them, a client that sends its request byte by byte
// can hold a connection forever (slowloris).
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      time.Minute, // a sign-in waits for the provider, and for hooks
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    256 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// serve serves until ctx is done and then waits for running requests. It returns an error if they do not finish in
// time.
func serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	return server.Shutdown(limited)
}

// Package redisstate keeps in Redis what several instances of an app share: the sessions, and the state that ends them
// everywhere at once (revocations, one-time values, leases).
//
//	store, err := redisstate.New(redisstate.Config{
//		URL:     os.Getenv("REDIS_URL"),
//		Secrets: []string{os.Getenv("COOKIE_SECRET")},
//	})
//	…
//	router.Use(sessions.Sessions("app", store))
//
// The browser holds a random id. Redis holds, under a hash of that id, the session sealed with AES-256-GCM: reading
// either one reveals no session and does not suffice to forge one. It requires Redis 6.0 or later.
//
// If Redis does not respond, the result is an error within Config.Timeout, never "no such session".
package redisstate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
)

const (
	sealPurpose    = "ginoidc/redisstate"
	defaultPrefix  = "ginoidc:"
	defaultTimeout = time.Second
)

// Config holds the settings for [New].
type Config struct {
	// URL names one Redis server: redis://user:password@host:port/db, with TLS rediss://…, or unix:///path/to/socket?db=0.
	URL string

	// Client is used instead of URL: for a cluster, Sentinel, a private certificate authority, or a client that the app
	// already has. [Store.Close] does not close it.
	Client rueidis.Client

	// Prefix begins every key; empty means "ginoidc:". Apps with different prefixes can share a Redis: none sees or opens
	// the data of another.
	Prefix string

	// Secrets seal the sessions, newest first: the first seals, all of them open. To rotate a secret, put the new one
	// first and remove the old one after MaxAge. Each must have at least 32 bytes, which should be random.
	Secrets []string

	// Timeout limits each command; 0 means one second.
	Timeout time.Duration

	// Logger receives one warning if the maxmemory-policy of Redis is not noeviction; default [slog.Default].
	Logger *slog.Logger
}

// Store implements [sessions.Store], and the methods by which instances share state. It is safe for concurrent use once
// its Options are set.
type Store struct {
	client  rueidis.Client
	own     bool // New made client
	server  *store.Server
	timeout time.Duration
	policy  policyWatch
}

var _ sessions.Store = (*Store)(nil)

// New returns a Store, or an error that lists everything wrong with the configuration. It tries to connect, for at most
// twice Timeout. It is not an error if Redis is down: commands connect again. Use [Store.Ping] to check.
//
// The cookies have Path=/, a Max-Age of one day, Secure, HttpOnly and SameSite=Lax until [Store.Options] sets others.
func New(cfg Config) (*Store, error) {
	s := &Store{
		client:  cfg.Client,
		own:     cfg.Client == nil,
		timeout: cmp.Or(cfg.Timeout, defaultTimeout),
	}
	ring, err := store.NewRing(sealPurpose, cfg.Secrets)
	s.server = &store.Server{
		Backend: backend{s}, Name: "redisstate", Prefix: cmp.Or(cfg.Prefix, defaultPrefix), Ring: ring,
		Options: store.DefaultOptions(),
	}
	if err := errors.Join(err, cfg.problems()); err != nil {
		return nil, fmt.Errorf("redisstate: %w", err)
	}
	if s.own {
		client, err := connect(cfg.URL, s.timeout)
		if err != nil {
			return nil, fmt.Errorf("redisstate: %w", err)
		}
		s.client = client
	}
	if s.policy.log = cfg.Logger; s.policy.log == nil {
		s.policy.log = slog.Default()
	}
	s.watchPolicy(context.Background())
	return s, nil
}

func (cfg *Config) problems() error {
	var problems []error
	if cfg.Timeout < 0 {
		problems = append(problems, fmt.Errorf("the Timeout of %v is negative", cfg.Timeout))
	}
	switch {
	case cfg.Client == nil:
		if _, err := clientOption(cfg.URL); err != nil {
			problems = append(problems, err)
		}
	case cfg.URL != "":
		problems = append(problems, errors.New("both URL and Client are set"))
	}
	return errors.Join(problems...)
}

// Ping checks that Redis responds. The error says why it does not.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.do(ctx, s.client.B().Ping().Build().ToRetryable()).Error(); err != nil {
		return fmt.Errorf("redisstate: ping: %w", err)
	}
	s.watchPolicy(ctx)
	return nil
}

// Close closes the connections that New made. Every later command returns an error.
func (s *Store) Close() {
	if s.own {
		s.client.Close()
	}
}

// do sends one command. The client returns when the context of a command ends, whatever its connection does.
func (s *Store) do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.client.Do(ctx, cmd)
}

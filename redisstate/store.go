// Package redisstate keeps in Redis what several instances of an app share: the sessions, and the state that ends them
// everywhere at once (revocations, what may be used only once, leases).
//
//	store, err := redisstate.New(redisstate.Config{
//		URL:     os.Getenv("REDIS_URL"),
//		Secrets: []string{os.Getenv("COOKIE_SECRET")},
//	})
//	…
//	router.Use(sessions.Sessions("app", store))
//
// The browser holds a random id. Redis holds, under a hash of that id, the session sealed with AES-256-GCM: who reads
// the one or the other reads no session and can not make one. Redis 6.0 or later.
//
// A Redis that does not answer is an error within Config.Timeout, never "no such session".
package redisstate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"
	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc/internal/seal"
	"github.com/seed-d65cea4d/ginoidc/internal/store"
)

const (
	sealPurpose    = "ginoidc/redisstate"
	defaultPrefix  = "ginoidc:"
	defaultTimeout = time.Second
)

// Config holds what [New] needs.
type Config struct {
	// URL names one Redis server: redis://user:password@host:port/db, with TLS rediss://…, or
	// unix:///path/to/socket?db=0.
	URL string

	// Client is used in the place of URL: for a cluster, Sentinel, a private certificate authority, or a
	// client that the app has already. [Store.Close] leaves it open.
	Client rueidis.Client

	// Prefix leads every key; empty means "ginoidc:". Apps with different prefixes can share a Redis:
	// none sees or opens what is another's.
	Prefix string

	// Secrets seal the sessions, newest first: the first seals, all of them open. To replace a secret, put
	// the new one in front and drop the old one when MaxAge has passed. Each has at least 32 bytes, which
	// ought to be random.
	Secrets []string

	// Timeout limits each command; 0 means one second.
	Timeout time.Duration

	// Logger gets a warning when Redis has another maxmemory-policy than noeviction, once; default
	// [slog.Default].
	Logger *slog.Logger
}

// Store implements [sessions.Store], and the methods by which instances share state. It is safe for
// concurrent use once its Options are set.
type Store struct {
	client  rueidis.Client
	own     bool // New made client
	prefix  string
	ring    *seal.Ring
	timeout time.Duration
	options gsessions.Options
	policy  policyWatch
}

var _ sessions.Store = (*Store)(nil)

// New makes a Store, or reports everything that is wrong with the configuration. It begins to connect,
// for twice Timeout at most, but that Redis is down is no error: commands connect again. Ask [Store.Ping].
//
// The cookies have Path=/, one day of Max-Age, Secure, HttpOnly and SameSite=Lax until [Store.Options]
// says otherwise.
func New(cfg Config) (*Store, error) {
	s := &Store{
		client:  cfg.Client,
		own:     cfg.Client == nil,
		prefix:  cfg.Prefix,
		timeout: cfg.Timeout,
		options: store.DefaultOptions(),
	}
	if s.prefix == "" {
		s.prefix = defaultPrefix
	}
	if s.timeout == 0 {
		s.timeout = defaultTimeout
	}
	ring, err := store.NewRing(sealPurpose, cfg.Secrets)
	s.ring = ring
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

// Ping asks Redis for an answer. The error tells why there is none.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.do(ctx, s.client.B().Ping().Build().ToRetryable()).Error(); err != nil {
		return fmt.Errorf("redisstate: ping: %w", err)
	}
	s.watchPolicy(ctx)
	return nil
}

// Close ends the connections that New made. Every later command is an error.
func (s *Store) Close() {
	if s.own {
		s.client.Close()
	}
}

// do sends one command. A client answers when the context of a command ends, whatever its connection does.
func (s *Store) do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.client.Do(ctx, cmd)
}

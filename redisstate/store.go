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
	// URL names one Redis or Valkey server: redis://user:password@host:port/db, with TLS rediss://…, or
	// unix:///path/to/socket?db=0. With TLS, the parameter cacert is a file with the certificate authorities to accept
	// instead of the system's, and cert and key are files with the client's certificate and key, all in PEM form.
	//
	// With cluster=true it names a node of a cluster, and with master_set=NAME a Sentinel that knows the primary of that
	// name; each addr=host:port is another one. sentinel_username and sentinel_password are the credentials at the
	// Sentinels. With TLS, the certificate of each server must be for the name under which the cluster or Sentinel
	// announces it.
	URL string

	// Client is used instead of URL: one that the app already has, or that needs other settings. It must have
	// DisableCache set, because a cached reply would let a user in who has just signed out, and should have
	// PipelineMultiplex -1, so that concurrent requests share system calls. Timeout limits it, its own retries included.
	// [Store.Close] does not close it.
	Client rueidis.Client

	// WaitReplicas is how many replicas must acknowledge a revocation before a sign-out is answered; default 0. A failover
	// to a replica then forgets no acknowledged sign-out, provided that only a replica that has acknowledged can be
	// promoted: set it to the number of replicas of each primary. With fewer acknowledgements within Timeout, the
	// sign-out is an error and can be repeated. The parameter wait_replicas of URL is the same.
	WaitReplicas int

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
	connection connection
	server     *store.Server
	timeout    time.Duration
	replicas   int // that must acknowledge a revocation
	policy     policyWatch
}

var _ sessions.Store = (*Store)(nil)

// New returns a Store, or an error that lists everything wrong with the configuration. It tries to connect, for at most
// twice Timeout. It is not an error if Redis is down: commands connect again. Use [Store.Ping] to check.
//
// The cookies have Path=/, a Max-Age of one day, Secure, HttpOnly and SameSite=Lax until [Store.Options] sets others.
func New(cfg Config) (*Store, error) {
	s := &Store{
		timeout:  cmp.Or(cfg.Timeout, defaultTimeout),
		replicas: cfg.WaitReplicas,
	}
	ring, err := store.NewRing(sealPurpose, cfg.Secrets)
	s.server = &store.Server{
		Backend: backend{s}, Name: "redisstate", Prefix: cmp.Or(cfg.Prefix, defaultPrefix), Ring: ring,
		Options: store.DefaultOptions(),
	}
	if err := errors.Join(err, cfg.problems()); err != nil {
		return nil, fmt.Errorf("redisstate: %w", err)
	}
	if s.policy.log = cfg.Logger; s.policy.log == nil {
		s.policy.log = slog.Default()
	}
	s.connect(&cfg)
	return s, nil
}

// connect gives up after twice the timeout, and leaves it to the commands to go on.
func (s *Store) connect(cfg *Config) {
	if cfg.Client != nil {
		s.connection.client.Store(&cfg.Client)
	} else {
		option, replicas, _ := clientOption(cfg.URL) // problems has tried it
		s.replicas = max(s.replicas, replicas)
		s.connection.option, s.connection.own = withDefaults(option, s.timeout), true
		s.connection.oneServer = option.ForceSingleClient || option.Sentinel.MasterSet != ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*s.timeout)
	defer cancel()
	_, _ = s.connection.get(ctx)
	s.watchPolicy(ctx)
}

func (cfg *Config) problems() error {
	var problems []error
	if cfg.Timeout < 0 {
		problems = append(problems, fmt.Errorf("the Timeout of %v is negative", cfg.Timeout))
	}
	if cfg.WaitReplicas < 0 {
		problems = append(problems, fmt.Errorf("WaitReplicas is %d", cfg.WaitReplicas))
	}
	switch {
	case cfg.Client == nil:
		if _, _, err := clientOption(cfg.URL); err != nil {
			problems = append(problems, err)
		}
	case cfg.URL != "":
		problems = append(problems, errors.New("both URL and Client are set"))
	}
	return errors.Join(problems...)
}

// Ping checks that Redis responds. The error says why it does not.
func (s *Store) Ping(ctx context.Context) error {
	ping := func(b rueidis.Builder) rueidis.Completed { return b.Ping().Build().ToRetryable() }
	if err := s.do(ctx, ping).Error(); err != nil {
		return fmt.Errorf("redisstate: ping: %w", err)
	}
	s.watchPolicy(ctx)
	return nil
}

// Close closes the connections that New made. Every later command returns an error.
func (s *Store) Close() { s.connection.close() }

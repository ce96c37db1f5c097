// Command dex is Dex, an OpenID provider, as the end-to-end tests need it: its state is in memory, and the signal HUP
// rotates its keys. Two people can sign in by name and password: alice@example.com of the groups admin and staff, and
// bob@example.com of staff. The password is "password".
//
//	PORT                      listens on 127.0.0.1:PORT; the issuer is http://127.0.0.1:PORT/dex
//	TOKEN_LIFE                lifetime of ID tokens and access tokens, such as 5s
//	CLIENT_ID, CLIENT_SECRET
//	APP_URL                   of the client, without a trailing slash
//	NAME                      of this provider in an app with several; empty in others
//	DEX_SESSIONS_ENABLED      Dex's own: "true" makes it keep sessions, and so support sign-out
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/server/connectors"
	"github.com/dexidp/dex/server/session"
	"github.com/dexidp/dex/server/signer"
	"github.com/dexidp/dex/server/tokens"
	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/memory"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := serve(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(ctx context.Context) error {
	tokenLife, err := time.ParseDuration(os.Getenv("TOKEN_LIFE"))
	if err != nil {
		return err
	}
	addr, log := "127.0.0.1:"+os.Getenv("PORT"), slog.New(slog.NewTextHandler(os.Stderr, nil))
	known, err := people(log)
	if err != nil {
		return err
	}
	keys, err := localKeys(ctx, known, tokenLife, log)
	if err != nil {
		return err
	}
	config := server.Config{
		Issuer:             "http://" + addr + "/dex",
		Storage:            storage.WithStaticClients(known, []storage.Client{client()}),
		Signer:             keys,
		SkipApprovalScreen: true,
		IDTokensValidFor:   tokenLife,
		RefreshTokenPolicy: tokens.NewRefreshStrategy(true, 0, 0, 0, nil),
		Logger:             log,
	}
	if os.Getenv("DEX_SESSIONS_ENABLED") == "true" { // with the defaults of Dex's own command
		config.SessionConfig = &session.Config{CookieName: "dex_session", AbsoluteLifetime: 24 * time.Hour,
			ValidIfNotUsedFor: time.Hour}
	}
	dex, err := server.NewServer(ctx, config)
	if err != nil {
		return err
	}
	go rotate(ctx, known, tokenLife, log)
	listener := http.Server{Addr: addr, Handler: dex, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	if err := listener.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func client() storage.Client {
	app, below := os.Getenv("APP_URL"), ""
	if name := os.Getenv("NAME"); name != "" {
		below = "/" + name
	}
	return storage.Client{
		ID: os.Getenv("CLIENT_ID"), Secret: os.Getenv("CLIENT_SECRET"), Name: "Shop",
		RedirectURIs:           []string{app + "/auth/callback" + below},
		PostLogoutRedirectURIs: []string{app + "/"},
		BackchannelLogoutURI:   app + "/auth/backchannel-logout" + below,
	}
}

func people(log *slog.Logger) (storage.Storage, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte("password"), bcrypt.DefaultCost)
	if err != nil {
		return nil, err
	}
	s := storage.WithStaticPasswords(memory.New(log), []storage.Password{
		{Email: "alice@example.com", Username: "alice", UserID: "1", Name: "Alice Adams", Hash: hash,
			Groups: []string{"admin", "staff"}},
		{Email: "bob@example.com", Username: "bob", UserID: "2", Name: "Bob Brown", Hash: hash, Groups: []string{"staff"}},
	}, log)
	return storage.WithStaticConnectors(s,
		[]storage.Connector{{ID: connectors.LocalConnector, Name: "Email", Type: connectors.LocalConnector}}), nil
}

// rotate replaces the signing key at each signal HUP, with Dex's own code, which checks whether rotation is due.
func rotate(ctx context.Context, s storage.Storage, tokenLife time.Duration, log *slog.Logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		}
		err := s.UpdateKeys(ctx, func(old storage.Keys) (storage.Keys, error) {
			old.NextRotation = time.Now()
			return old, nil
		})
		if err == nil {
			_, err = localKeys(ctx, s, tokenLife, log)
		}
		if err != nil {
			log.Error("no rotation", "error", err)
		}
	}
}

// localKeys checks at once, and then every half minute, whether a key must be made or replaced.
func localKeys(ctx context.Context, s storage.Storage, tokenLife time.Duration,
	log *slog.Logger) (signer.Signer, error) {
	config := signer.LocalConfig{KeysRotationPeriod: "6h"}
	keys, err := config.Open(ctx, s, tokenLife, time.Now, log)
	if err == nil {
		keys.Start(ctx)
	}
	return keys, err
}

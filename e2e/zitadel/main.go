// Command zitadel is the OpenID provider of ZITADEL's Go library, with the claims of ZITADEL that its example lacks:
// roles of a project in an object, and the project as a further audience. Two people can sign in by name and password:
// "alice" with the roles admin and staff, and "bob" with staff. The password is "verysecure".
//
//	PORT                      listens on 127.0.0.1:PORT; the issuer is http://127.0.0.1:PORT
//	CLIENT_ID, CLIENT_SECRET
//	APP_URL                   of the client, without a trailing slash
//	PROJECT                   the id of the project
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

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
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
	app := os.Getenv("APP_URL")
	storage.RegisterClients(storage.WebClient(os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"), app+"/auth/callback"))
	kept := &store{storage.NewStorage(users{}), app + "/", os.Getenv("PROJECT")}
	addr, log := "127.0.0.1:"+os.Getenv("PORT"), slog.New(slog.NewTextHandler(os.Stderr, nil))
	listener := http.Server{
		Addr: addr, Handler: exampleop.SetupServer("http://"+addr, kept, log, false), ReadHeaderTimeout: time.Minute,
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	if err := listener.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// users are the people who can sign in.
type users struct{}

func (users) GetUserByID(id string) *storage.User {
	if id != "alice" && id != "bob" {
		return nil
	}
	return &storage.User{ID: id, Username: id, Password: "verysecure", Email: id + "@example.com", EmailVerified: true}
}

func (u users) GetUserByUsername(name string) *storage.User { return u.GetUserByID(name) }
func (users) ExampleClientID() string                       { return storage.ServiceUserID }

// store is the storage of the library's example, with what ZITADEL has in addition.
type store struct {
	*storage.Storage
	signedOut, project string
}

// request is an authorization request whose tokens are for the project too.
type request struct {
	op.AuthRequest
	project string
}

func (r request) GetAudience() []string { return append(r.AuthRequest.GetAudience(), r.project) }

func (s *store) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	found, err := s.Storage.AuthRequestByCode(ctx, code)
	if err != nil {
		return nil, err
	}
	return request{found, s.project}, nil
}

func (s *store) CreateAccessToken(ctx context.Context, of op.TokenRequest) (string, time.Time, error) {
	return s.Storage.CreateAccessToken(ctx, own(of))
}

func (s *store) CreateAccessAndRefreshTokens(ctx context.Context, of op.TokenRequest,
	current string) (string, string, time.Time, error) {
	return s.Storage.CreateAccessAndRefreshTokens(ctx, own(of), current)
}

// own returns the request as the example's storage knows it.
func own(of op.TokenRequest) op.TokenRequest {
	if r, ok := of.(request); ok {
		return r.AuthRequest
	}
	return of
}

// SetUserinfoFromRequest sets the claims of an ID token.
func (s *store) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, of op.IDTokenRequest,
	scopes []string) error {
	if err := s.Storage.SetUserinfoFromRequest(ctx, info, of, scopes); err != nil {
		return err
	}
	const organization = "263912836517928448"
	roles := map[string]any{"staff": map[string]string{organization: "acme.example.com"}}
	if of.GetSubject() == "alice" {
		roles["admin"] = map[string]string{organization: "acme.example.com"}
	}
	info.AppendClaims("urn:zitadel:iam:org:project:roles", roles)
	return nil
}

func (s *store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	found, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{found, s.signedOut}, nil
}

// client is a client of the example with an address at which sign-outs end.
type client struct {
	op.Client
	signedOut string
}

func (c client) PostLogoutRedirectURIs() []string { return []string{c.signedOut} }

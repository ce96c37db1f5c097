package ginoidc

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// identity is the user who makes a request, and the session or access token by which the user is known. The zero value
// is nobody.
type identity struct {
	visit  *visit  // nil if the user was identified by other means
	access *access // nil if the user was identified by other means
	other  *User   // the user unless identified by a session
}

// visit is a session in one request. Session and user are made when somebody asks: most guards need only the groups.
type visit struct {
	session.Brief
	whole atomic.Pointer[session.Session]
	made  atomic.Pointer[User]
}

// identityOf returns the user of a session, which it copies.
func identityOf(s *session.Session) identity {
	v := &visit{}
	var enough bool
	if v.Brief, enough = s.Brief(); !enough {
		whole := *s
		v.whole.Store(&whole)
	}
	return identity{visit: v}
}

// session returns the session, or nil if the user was identified by other means.
func (id identity) session() *session.Session {
	if id.visit == nil {
		return nil
	}
	return id.visit.session()
}

// session returns the session, and makes it in the first call.
func (v *visit) session() *session.Session {
	if v.whole.Load() == nil {
		v.whole.CompareAndSwap(nil, v.Session()) // one of several goroutines: all get the same session
	}
	return v.whole.Load()
}

// user returns the user, and makes it in the first call.
func (v *visit) user() *User {
	if v.made.Load() == nil {
		v.made.CompareAndSwap(nil, v.newUser())
	}
	return v.made.Load()
}

func (v *visit) newUser() *User {
	if s := v.whole.Load(); s != nil {
		return userOf(s)
	}
	var s session.Session // on the stack
	v.Expand(&s)
	return userOf(&s)
}

// stepUp returns when the user's credentials changed, so that the user must be authenticated again, or the zero time.
func (v *visit) stepUp() time.Time {
	if s := v.whole.Load(); s != nil { // a session with a step-up is whole
		return s.StepUp
	}
	return time.Time{}
}

// user returns the user, or nil for nobody.
func (id identity) user() *User {
	if id.visit != nil {
		return id.visit.user()
	}
	return id.other
}

// nobody reports whether no user is known.
func (id identity) nobody() bool { return id.visit == nil && id.other == nil }

// signedIn returns ErrUnauthenticated unless there is a user. An empty Subject identifies nobody.
func (id identity) signedIn() error {
	if id.visit != nil && id.visit.Subject != "" || id.other != nil && id.other.Subject != "" {
		return nil
	}
	return ErrUnauthenticated
}

// ownSession returns the session of the user. The error is [ErrUnauthenticated] if nobody is signed in, and
// [outcome.ErrNoSession] if the user was identified by other means.
func (id identity) ownSession() (*session.Session, error) {
	if err := id.signedIn(); err != nil {
		return nil, err
	}
	if id.visit == nil {
		return nil, outcome.ErrNoSession
	}
	return id.visit.session(), nil
}

// identify returns the user who makes the request; nobody is not an error. The first call opens the session. From then
// on the response depends on the session, so it is marked private, and if headers can still be sent, a session past
// half of its idle limit is renewed.
func (req *request) identify(ctx context.Context) (identity, error) {
	req.mu.Lock()
	defer req.mu.Unlock()
	req.open(ctx)
	if req.recheckDue() {
		req.recheck(req.reply.Header(ctx, req))
	}
	return req.identity, req.err
}

// open opens the session, unless it is open. The caller holds the mutex.
func (req *request) open(ctx context.Context) {
	if !req.opened {
		req.load(ctx, req.keepPrivate(ctx))
	}
}

// identifyForGuard is identify for a guard. It marks the response private again, so that only handlers after the guard
// can loosen Cache-Control.
func (req *request) identifyForGuard(ctx context.Context) (identity, error) {
	req.mu.Lock()
	defer req.mu.Unlock()
	h := req.keepPrivate(ctx)
	if !req.opened {
		req.load(ctx, h)
	}
	if req.recheckDue() {
		req.recheck(h)
	}
	return req.identity, req.err
}

// keepPrivate marks the response private and returns its header, or nil if headers can no longer be sent.
func (req *request) keepPrivate(ctx context.Context) http.Header {
	h := req.reply.Header(ctx, req)
	req.reply.KeepPrivate(h)
	return h
}

// load identifies the user who makes the request. h is nil if headers can no longer be sent. A store, a State or a log
// handler of the app that calls UserFrom would wait for this very call, so they get the context below req, in which
// nobody is signed in.
func (req *request) load(ctx context.Context, h http.Header) {
	req.opened = true
	if !req.auth.browsersOnly {
		id, decided, err := req.authenticate(ctx)
		if !decided {
			id, decided, err = req.bearer(h)
		}
		if decided {
			req.identity, req.err = id, err
			req.reply.Show(!id.nobody() && web.OpensWindow(req.http))
			return
		}
	}
	v, cookies, err := req.find()
	if v == nil || err != nil {
		req.err = err
		return
	}
	req.reply.Show(web.OpensWindow(req.http))
	req.identity = identity{visit: v}
	if h != nil && !req.noRenewal && (len(cookies) > 0 || v.Due()) {
		s := v.session()
		req.renew(h, s, cookies)
		req.identity = identityOf(s)
	}
}

// renew saves s if that is due, and sends its cookies, and those that another request has set.
func (req *request) renew(h http.Header, s *session.Session, cookies []string) {
	renewed, set := s.Renewed, req.reply.Cookies()
	cookie.Set(set, cookies...)
	if err := req.auth.sessions.Renew(set, req.httpNow(), s); err != nil {
		req.auth.emit(req.Context, events.Event{Kind: events.SessionNotRenewed, Subject: s.Subject, Err: err})
	}
	req.reply.Send(h, set)
	if !s.Renewed.Equal(renewed) {
		req.auth.emit(req.Context, events.Event{Kind: events.SessionRenewed, Subject: s.Subject, SID: s.SID})
		relyingPartyOf(&s.Record).ledger.Add(req.Context, &s.Record, req.auth.sessions.Left(&s.Record))
	}
}

// withoutRenewal makes req open the session, unless it is open, without renewing it.
func (req *request) withoutRenewal() {
	req.mu.Lock()
	defer req.mu.Unlock()
	req.noRenewal = true
}

// ownSession returns the session of the user who makes the request, or an error: see [identity.ownSession].
func (req *request) ownSession(ctx context.Context) (*session.Session, error) {
	id, err := req.identify(ctx)
	if err != nil {
		return nil, err
	}
	return id.ownSession()
}

// identifyBrowser is identify for what ends or replaces the session of the browser. The session counts even if the user
// of the request was identified by other means: otherwise copies of its cookie would stay valid. The identity of the
// request does not change. The user is not read again at the provider, without which a session can end too.
func (req *request) identifyBrowser(ctx context.Context) (identity, error) {
	req.mu.Lock()
	defer req.mu.Unlock()
	req.open(ctx)
	id, err := req.identity, req.err
	if req.unconfirmed != nil {
		return identityOf(req.unconfirmed), nil
	}
	if err != nil || id.other == nil {
		return id, err
	}
	v, _, err := req.find()
	if err != nil {
		return identity{}, err
	}
	if v != nil {
		id = identity{visit: v}
	}
	return id, nil
}

// browserSessions returns the sessions of the browser, which a sign-in or sign-out ends: s, or else those of which none
// can be trusted.
func (req *request) browserSessions(s *session.Session) []*session.Session {
	if s != nil {
		return []*session.Session{s}
	}
	return req.rivals
}

// replace records that this request has started or changed its session, or ended it if s is nil.
func (req *request) replace(s *session.Session) {
	req.mu.Lock()
	defer req.mu.Unlock()
	req.opened, req.identity, req.rivals, req.err = true, identity{}, nil, nil
	req.kept.Forget()
	req.unconfirmed = nil
	if s != nil {
		req.identity = identityOf(s)
	}
}

// userOf returns the user of a session.
func userOf(s *session.Session) *User {
	return relyingPartyOf(&s.Record).userOf(&s.Record)
}

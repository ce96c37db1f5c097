package ginoidc

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// startSession starts a new session, which replaces any earlier one of the browser: copies of the earlier cookie are no
// longer valid. It always creates a new session id, which prevents session fixation. ctx is the gin.Context, or req if
// there is no response to write to.
func (req *request) startSession(
	ctx context.Context, id *person, at *attempt.Attempt,
) (s *session.Session, err error) {
	a, rp := req.auth, id.rp
	earlier, err := req.identifyBrowser(ctx)
	if err != nil {
		return nil, err
	}
	rec := id.record(at)
	if !a.sessions.Ends(&rec).After(time.Now()) {
		return nil, outcome.ErrSessionOver
	}
	rec.Transient = a.config.forgets(at, id, earlier.session())
	rp.ledger.SetHashes(&rec, id.user.Actor.subject())
	if id.issued.IsZero() { // not from the provider
		continueActing(a.sessions, &rec, id.user, earlier)
	}
	if rec.Began, err = rp.ledger.Began(req, &rec); err != nil {
		return nil, err
	}
	// Read before the new session replaces them in the browser.
	old := req.browserSessions(earlier.session())
	of, tokens := req.tokensToRevoke(earlier.session())
	err = a.sessions.Fit(req, rec.Size(), &rec.IDToken, a.config.KeepIDToken == Auto, func() error {
		return req.setCookies(ctx, func(h http.Header) (err error) {
			s, err = a.sessions.Begin(h, req.httpNow(), rec, a.config.tokensToKeep(id.tokens))
			return err
		})
	})
	if err != nil {
		return nil, translated(err)
	}
	req.replace(s)
	req.later = cookie.After(req.httpNow(), req.reply.Cookies()[setCookie])
	rp.emit(req, events.Event{
		Kind: events.SignedIn, Subject: id.user.Subject, Actor: id.user.Actor.subject(), SID: id.sid,
	})
	// The new session has started, so from here on errors are only logged.
	err = req.endReplaced(rp, old, at)
	rp.ledger.Add(req, &s.Record, a.sessions.Left(&s.Record))
	if err := a.ledger.Labels.Keep(req, req.http, s); err != nil { // only logged: labels serve to display sessions
		a.emit(req, events.Event{Kind: events.SessionNotLabelled, Subject: s.Subject, Err: err})
	}
	if err := errors.Join(err, rp.ledger.Limit(req, &s.Record, a.config.MaxSessions, string(EndedByLimit))); err != nil {
		a.emit(req, events.Event{Kind: events.EarlierSessionLives, Err: err})
	}
	req.revokeReplaced(s, of, tokens, old, at)
	return s, nil
}

// record returns the record of a session that the attempt starts. What the sign-in has asked for is in it too: a
// step-up that the provider could not meet is not asked for again.
func (id *person) record(at *attempt.Attempt) session.Record {
	rp, rec := id.rp, id.user.record()
	rec.SID, rec.Issued, rec.Started = id.sid, id.issued, at.Started
	rec.Party, rec.Provider = rp.Session, rp.settings.Name
	if id.issuer != rp.settings.Issuer {
		rec.Issuer = id.issuer
	}
	rec.AskedMaxAge, rec.AskedACR = at.MaxAge, at.ACRValues
	rec.IDToken, rec.Expires = id.idToken, id.expires
	return rec
}

// revokeReplaced revokes the tokens of the session that s replaces: of, or one whose cookie did not come with the
// response. If it belongs to the same session at the provider, its tokens are left to expire: with some providers, such
// as Keycloak, revoking them would end that session, and with it the new tokens.
func (req *request) revokeReplaced(
	s *session.Session, of *session.Record, tokens *provider.Tokens, old []*session.Session, at *attempt.Attempt,
) {
	rp, before := relyingPartyOf(&s.Record), revocation.Ref{}
	if of != nil {
		before = relyingPartyOf(of).ledger.RefOf(of)
	} else if replacesUnseen(old, at) {
		of, before, tokens = req.loadReplacedTokens(rp, at)
	}
	if !before.SameAtProvider(rp.ledger.RefOf(&s.Record)) {
		req.revoke(of, tokens)
	}
}

// forgets reports whether the browser forgets a new session when it is closed. A session that continues an earlier one,
// such as after a step-up, is remembered like that one.
func (c *Config) forgets(at *attempt.Attempt, id *person, earlier *session.Session) bool {
	if c.Remember != RememberAsk || at.Remember {
		return c.Remember == RememberNever
	}
	continues := earlier != nil && (id.issued.IsZero() || earlier.Subject == id.user.Subject)
	return !continues || earlier.Transient
}

// continueActing makes a session in which a user begins or stops to act as another one depend on the session that it
// replaces: it ends no later, and a sign-out of the user at the provider ends it too. Otherwise each change would
// extend the time for which the sign-in counts.
func continueActing(manager *session.Manager, rec *session.Record, u *User, earlier identity) {
	if earlier.session() == nil {
		return
	}
	before := earlier.user()
	now, then := cmp.Or(u.Actor, u), cmp.Or(before.Actor, before)
	if u.Actor == nil && before.Actor == nil || now.Subject != then.Subject ||
		now.Issuer != then.Issuer && now.Issuer != "" {
		return
	}
	ref := relyingPartyOf(&earlier.session().Record).ledger.RefOf(&earlier.session().Record).ListedAs()
	if u.Actor != nil {
		rec.ActorHash, rec.ActorSIDHash = ref.Subject, ref.SID
	} else {
		rec.SubjectHash, rec.SIDHash = ref.Subject, ref.SID
	}
	left, _ := manager.Limits(&earlier.session().Record)
	rec.Expires = time.Now().Add(left)
}

// endReplaced ends the sessions that a new one, of rp, replaces.
func (req *request) endReplaced(rp *relyingParty, old []*session.Session, at *attempt.Attempt) (err error) {
	if replacesUnseen(old, at) {
		if err = rp.ledger.EndSession(req, at.Replaces); err == nil {
			req.auth.ledger.Report(req, roster.End{Subject: at.Replaced, Reason: string(EndedByNewSignIn)})
		}
		return err
	}
	for _, o := range old {
		err = errors.Join(err, relyingPartyOf(&o.Record).ledger.End(req, &o.Record, string(EndedByNewSignIn)))
	}
	return err
}

// replacesUnseen reports whether a sign-in replaces a session whose cookie did not come with the response. Browsers do
// not send it with a form that the provider's page posts.
func replacesUnseen(old []*session.Session, at *attempt.Attempt) bool {
	return len(old) == 0 && at.Replaces != [16]byte{}
}

// StartSession signs u in without the provider and replaces the current session, if any. Use it in tests, and in apps
// that authenticate some users themselves, such as support staff. The plugin does not check u: the caller must have
// authenticated the user. Subject must not be empty. Issuer is always the configured one: that of the provider that
// Provider names, or of the first one. A session with an Actor, and that of the actor afterwards, ends no later than
// the session of the actor before it. Call it before the response is written. A sign-out of the session does not lead
// to the provider. The error is [ErrSessionStore] if the store or State does not respond. If u does not fit into the
// store, the code is "session_too_large" (see [Denial]).
func (a *Auth) StartSession(c *gin.Context, u *User) error {
	if err := (identity{other: u}).signedIn(); err != nil {
		return err
	}
	if err := checkNotWritten(c); err != nil {
		return err
	}
	now := &attempt.Attempt{Started: time.Now(), Purpose: attempt.Purpose{MaxAge: -1}}
	req := a.requestOf(c)
	rp := a.providers.First()
	if a.providers.Several && (u.Provider != "" || rp == nil) {
		var err error
		if rp, err = a.providers.Named(req, u.Provider); err != nil {
			return err
		}
	}
	_, err := req.startSession(c, &person{rp: rp, user: u.copied(), issuer: rp.settings.Issuer}, now)
	return err
}

// keepReplacedTokens keeps the tokens of the session for the callback that may replace it, if the provider revokes
// tokens. A failure does not prevent the sign-in.
func (req *request) keepReplacedTokens(s *session.Session) {
	a, rp := req.auth, relyingPartyOf(&s.Record)
	metadata, err := rp.Client.Metadata(req)
	if err != nil || metadata.RevocationEndpoint == "" {
		return
	}
	r, tokens := req.tokensToRevoke(s)
	if tokens == nil {
		return
	}
	ttl := a.config.AttemptLife + rp.exchangeLimit()
	if err := rp.refresher.Leave(req, r, rp.ledger.RefOf(r).SID, tokens, ttl); err != nil {
		a.emit(req, events.Event{Kind: events.ReplacedTokensNotLeft, Subject: r.Subject, Err: err})
	}
}

// loadReplacedTokens returns the tokens that keepReplacedTokens kept, with what is known of their session, or nil if
// there are none.
func (req *request) loadReplacedTokens(
	rp *relyingParty, at *attempt.Attempt,
) (*session.Record, revocation.Ref, *provider.Tokens) {
	r := &session.Record{ID: at.Replaces, Subject: at.Replaced, Party: rp.Session}
	t := rp.ledger.RefOf(r)
	tokens, sid, _, err := rp.refresher.Left(req, r)
	if err != nil {
		rp.emit(req, events.Event{Kind: events.TokensNotRevoked, Subject: at.Replaced, Err: err})
	}
	t.SID = sid
	return r, t, tokens
}

package fakeop

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
)

const ssoCookie = "fakeop_sso"

// authorize is the authorization endpoint: a log-in page, the response to its form, or silent single sign-on.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		p.message(w, http.StatusBadRequest, "The request cannot be read.")
		return
	}
	a, err := p.parseAuthorization(r.Form)
	if err != nil {
		p.log.Info("authorization request shown to the user as an error", "reason", err)
		p.message(w, http.StatusBadRequest, "The app sent a request that cannot be answered: "+err.Error()+".")
		return
	}
	switch {
	case a.refusal != nil:
		p.refuse(w, a, a.refusal)
	case r.PostForm.Has("cancel"):
		p.refuse(w, a, &oauthError{"access_denied", "the user cancelled"})
	case r.PostForm.Has("subject"):
		user, known := p.user(r.PostForm.Get("subject"))
		if !known {
			p.message(w, http.StatusBadRequest, "There is no such user.")
			return
		}
		p.respond(w, a, p.allow(a, p.startSession(w, r, user, p.reached(a))))
	default:
		p.authorizeSilently(w, r, a)
	}
}

// authorizeSilently responds from the browser's session if the request allows that, and shows the log-in page
// otherwise.
func (p *Provider) authorizeSilently(w http.ResponseWriter, r *http.Request, a *authorization) {
	if s, ok := p.session(r); ok && p.suits(s, a) {
		p.respond(w, a, p.allow(a, s))
		return
	}
	if slices.Contains(a.prompt, "none") {
		p.refuse(w, a, &oauthError{"login_required", "nobody is signed in for this request"})
		return
	}
	p.logInPage(w, r, a)
}

// suits reports whether a session satisfies the request without a page (OpenID Connect Core, 3.1.2.1: prompt, max_age,
// acr_values, login_hint).
func (p *Provider) suits(s *session, a *authorization) bool {
	for _, prompt := range a.prompt {
		if prompt != "none" {
			return false
		}
	}
	if a.maxAge == 0 || a.maxAge > 0 && time.Since(s.authTime) > a.maxAge {
		return false
	}
	if a.acr != "" && p.rank(s.acr) < p.rank(a.acr) {
		return false
	}
	hinted, known := p.user(a.loginHint)
	return a.loginHint == "" || known && hinted.Subject == s.subject
}

// session returns the single sign-on session of the browser.
func (p *Provider) session(r *http.Request) (*session, bool) {
	cookie, err := r.Cookie(ssoCookie)
	if err != nil {
		return nil, false
	}
	return p.sessions.get(cookie.Value)
}

// startSession signs a user in at the provider, replacing any earlier session.
func (p *Provider) startSession(w http.ResponseWriter, r *http.Request, u User, acr string) *session {
	p.stopSession(r)
	s := newSession(u, acr)
	http.SetCookie(w, p.cookie(p.sessions.put(s, ssoLife), 0))
	return s
}

func (p *Provider) stopSession(r *http.Request) {
	if cookie, err := r.Cookie(ssoCookie); err == nil {
		p.sessions.drop(cookie.Value)
	}
}

func (p *Provider) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: ssoCookie, Value: value, MaxAge: maxAge,
		Path: p.path + "/", Secure: strings.HasPrefix(p.root, "https:"), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

func newSession(u User, acr string) *session {
	return &session{subject: u.Subject, sid: rand.Text(), authTime: time.Now(), acr: acr}
}

package load_test

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tally counts what people see.
type tally struct {
	signIns, refused, guarded, served, unavailable, upstream, bearer, signOuts atomic.Int64

	lost, crossed, failed atomic.Int64 // what must not be

	mu   sync.Mutex
	gone []*person // with the cookies from before an acknowledged sign-out
	odd  []string
}

func (n *tally) note(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.odd) < 10 {
		n.odd = append(n.odd, text)
	}
}

// verdict requires that nobody was signed out by a fault or shown another user, and that faults explain all answers.
func (n *tally) verdict(t *testing.T) {
	t.Helper()
	if l, c, f := n.lost.Load(), n.crossed.Load(), n.failed.Load(); l+c+f > 0 {
		t.Errorf("signed out by a fault: %d, shown another user: %d, other answers: %d: %q", l, c, f, n.odd)
	}
}

// person is one user in one browser.
type person struct {
	*site
	*tally
	subject  string
	token    string // for the program of the user
	browser  *http.Client
	signedIn bool
	leaving  bool // a sign-out was not acknowledged, and may have taken effect
	random   *rand.Rand
}

func (s *site) newPerson(t *testing.T, n *tally, subject string, seed uint64) *person {
	t.Helper()
	token, err := s.op.OpaqueToken(subject, "https://api.example", "read:things")
	if err != nil {
		t.Fatal(err)
	}
	p := &person{site: s, tally: n, subject: subject, token: token, random: rand.New(rand.NewPCG(seed, 0))}
	p.browser = browserWith(nil, s.url)
	return p
}

// browserWith returns a browser that follows no redirects, with these cookies.
func browserWith(cookies []*http.Cookie, site string) *http.Client {
	jar, _ := cookiejar.New(nil) // cannot fail without options
	u, _ := url.Parse(site)
	jar.SetCookies(u, cookies)
	return &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// act does one thing that a user or a program does.
func (p *person) act() {
	switch at := p.random.IntN(100); {
	case at < 5:
		p.program()
	case !p.signedIn:
		if p.signIn(); !p.signedIn {
			time.Sleep(50 * time.Millisecond)
		}
	case at < 15:
		p.look("/api/upstream", &p.upstream)
	case at < 20:
		p.signOut()
	default:
		p.guarded.Add(1)
		p.look("/api/me", &p.served)
	}
}

// signIn may be refused by the faults, and then changes nothing.
func (p *person) signIn() {
	start, _ := p.send(http.MethodGet, p.url+"/auth/signin?return_to=/api/me")
	if start.StatusCode != http.StatusFound {
		p.expect(start, http.StatusServiceUnavailable, http.StatusBadGateway)
		p.refused.Add(1)
		return
	}
	callback, err := p.op.Approve(start.Header.Get("Location"), p.subject)
	if err != nil {
		p.failed.Add(1)
		p.note("approve: " + err.Error())
		return
	}
	end, _ := p.send(http.MethodGet, callback)
	if end.StatusCode != http.StatusSeeOther {
		p.expect(end, http.StatusServiceUnavailable, http.StatusBadGateway)
		p.refused.Add(1)
		return
	}
	p.signIns.Add(1)
	p.signedIn, p.leaving = true, false
}

// look opens a guarded page as the user who is signed in.
func (p *person) look(path string, served *atomic.Int64) {
	r, body := p.send(http.MethodGet, p.url+path)
	var user struct{ Sub string }
	_ = json.Unmarshal(body, &user)
	switch {
	case r.StatusCode == http.StatusOK && user.Sub == p.subject:
		served.Add(1)
	case r.StatusCode == http.StatusOK && user.Sub != "":
		p.crossed.Add(1)
		p.note(p.subject + " is shown " + string(body))
	case r.StatusCode == http.StatusUnauthorized && p.leaving:
		p.signedIn, p.leaving = false, false
	case r.StatusCode == http.StatusUnauthorized && path == "/api/me":
		p.lost.Add(1)
		p.note(p.subject + " is no longer signed in: " + string(body))
		p.signedIn = false
	case path == "/api/upstream" && r.StatusCode == http.StatusOK: // the app passes on what its service answers
		p.unavailable.Add(1)
	default:
		p.expect(r, http.StatusServiceUnavailable, http.StatusBadGateway)
		p.unavailable.Add(1)
	}
}

// signOut holds if it is acknowledged.
func (p *person) signOut() {
	u, _ := url.Parse(p.url)
	before := *p
	before.browser = browserWith(p.browser.Jar.Cookies(u), p.url)
	if r, _ := p.send(http.MethodPost, p.url+"/auth/signout"); r.StatusCode != http.StatusSeeOther {
		p.expect(r, http.StatusServiceUnavailable, http.StatusBadGateway)
		p.leaving = true
		return
	}
	p.signOuts.Add(1)
	p.signedIn, p.leaving = false, false
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = append(p.gone, &before)
}

// program calls the API with an access token.
func (p *person) program() {
	r, err := http.NewRequest(http.MethodGet, p.url+"/api/machine", nil)
	if err != nil {
		p.note(err.Error())
		return
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	resp, body := p.do(&http.Client{Timeout: time.Minute}, r)
	switch {
	case resp.StatusCode == http.StatusOK && strings.Contains(string(body), p.subject):
		p.bearer.Add(1)
	case resp.StatusCode == http.StatusOK:
		p.crossed.Add(1)
		p.note(p.subject + "'s program is " + string(body))
	default:
		p.expect(resp, http.StatusServiceUnavailable, http.StatusBadGateway)
	}
}

// expect counts answers that no fault explains.
func (p *person) expect(r *http.Response, statuses ...int) {
	for _, status := range statuses {
		if r.StatusCode == status {
			return
		}
	}
	p.failed.Add(1)
	p.note(r.Request.Method + " " + r.Request.URL.Path + ": " + r.Status)
}

func (p *person) send(method, address string) (*http.Response, []byte) {
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		return p.unanswered(nil, err), nil
	}
	return p.do(p.browser, r)
}

func (p *person) do(client *http.Client, r *http.Request) (*http.Response, []byte) {
	resp, err := client.Do(r)
	if err != nil {
		return p.unanswered(r, err), nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return p.unanswered(r, err), nil
	}
	return resp, body
}

// unanswered stands for a request without an answer: the app always answers in time.
func (p *person) unanswered(r *http.Request, err error) *http.Response {
	p.note(err.Error())
	if r == nil {
		r = &http.Request{URL: &url.URL{}}
	}
	return &http.Response{Status: "no answer", Request: r}
}

package cookiestore_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
)

const (
	newSecret = "a new secret of thirty-two bytes"
	oldSecret = "an old secret of 32 bytes or so."
	name      = "__Host-app"
)

var options = &gsessions.Options{Path: "/", MaxAge: 60, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}

func newStore(t testing.TB, secrets ...string) *cookiestore.Store {
	t.Helper()
	store, err := cookiestore.New(cookiestore.Config{Secrets: secrets})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return store
}

// request returns a request with these cookies, each "name=value", in one header line.
func request(cookies ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return r
}

// pairs returns what a browser sends after a response with the header h, without deleted cookies.
func pairs(t testing.TB, h http.Header) []string {
	t.Helper()
	var pairs []string
	for _, line := range h["Set-Cookie"] {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatalf("Set-Cookie %q: %v", line, err)
		}
		if cookie.MaxAge >= 0 {
			pairs = append(pairs, cookie.Name+"="+cookie.Value)
		}
	}
	return pairs
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name  string
		cfg   cookiestore.Config
		wants []string // one for each problem: all are reported at once
	}{
		{"no secret", cookiestore.Config{}, []string{"no secret"}},
		{"short secret", cookiestore.Config{Secrets: []string{newSecret, "short, but secret"}},
			[]string{"secret 2 of 2 has 17 bytes"}},
		{"too many chunks", cookiestore.Config{Secrets: []string{newSecret}, MaxChunks: 10}, []string{"MaxChunks is 10"}},
		{"negative chunks", cookiestore.Config{MaxChunks: -1}, []string{"no secret", "MaxChunks is -1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cookiestore.New(tt.cfg)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "but secret") {
				t.Errorf("error %q reveals a secret", err)
			}
		})
	}
}

// Case 129: the attributes are safe by default, and those of the app replace all of them.
func TestOptions(t *testing.T) {
	store := newStore(t, newSecret)
	attributes := func() http.Cookie {
		h := make(http.Header)
		if err := store.SaveRecord(h, request(), name, nil, nil); err != nil {
			t.Fatal(err)
		}
		cookie, err := http.ParseSetCookie(h.Get("Set-Cookie"))
		if err != nil {
			t.Fatal(err)
		}
		return *cookie
	}
	if c := attributes(); c.Path != "/" || c.MaxAge != 86400 || !c.Secure || !c.HttpOnly ||
		c.SameSite != http.SameSiteLaxMode || c.Domain != "" {
		t.Errorf("default: %v", c)
	}
	store.Options(sessions.Options{Path: "/app", Domain: "example.com", MaxAge: 7, SameSite: http.SameSiteStrictMode})
	if c := attributes(); c.Path != "/app" || c.MaxAge != 7 || c.Secure || c.HttpOnly ||
		c.SameSite != http.SameSiteStrictMode || c.Domain != "example.com" {
		t.Errorf("of the app: %v", c)
	}
}

// The stock middleware of gin-contrib/sessions, as a browser uses it.
func TestBehindSessions(t *testing.T) {
	gin.SetMode(gin.TestMode)
	router := gin.New()
	router.Use(sessions.Sessions(name, newStore(t, newSecret)))
	visit := func(path string, handler func(sessions.Session)) {
		router.GET(path, func(c *gin.Context) {
			session := sessions.Default(c)
			handler(session)
			if err := session.Save(); err != nil {
				t.Errorf("%s: Save: %v", path, err)
			}
		})
	}
	visit("/in", func(s sessions.Session) { s.Set("user", "alice"); s.AddFlash("welcome") })
	visit("/seen", func(s sessions.Session) {
		if user := s.Get("user"); user != "alice" {
			t.Errorf("user is %v", user)
		}
		if flashes := s.Flashes(); len(flashes) != 1 || flashes[0] != "welcome" {
			t.Errorf("flashes are %v", flashes)
		}
	})
	visit("/out", func(s sessions.Session) { s.Clear(); s.Options(sessions.Options{Path: "/", MaxAge: -1}) })

	var cookies []string
	for _, step := range []struct {
		path    string
		cookies int
	}{{"/in", 1}, {"/seen", 1}, {"/out", 0}} {
		r := request(cookies...)
		r.URL.Path = step.path
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		if cookies = pairs(t, w.Header()); len(cookies) != step.cookies {
			t.Errorf("%s: cookies %q, want %d", step.path, cookies, step.cookies)
		}
	}
}

// A session that does not open is a new one and not an error, so that nobody can fill the log with errors.
func TestSessionThatDoesNotOpen(t *testing.T) {
	store := newStore(t, newSecret)
	h := make(http.Header)
	if err := store.SaveRecord(h, request(), name, []byte("a record"), options); err != nil {
		t.Fatal(err)
	}
	for what, r := range map[string]*http.Request{
		"none": request(), "garbage": request(name + "=garbage"), "a record": request(pairs(t, h)...),
	} {
		session, err := store.Get(r, name)
		if err != nil || !session.IsNew || len(session.Values) != 0 || session.Values == nil {
			t.Errorf("%s: session %+v, error %v", what, session, err)
		}
	}
}

// The reverse of "a record" above: values are not a record either.
func TestValuesAreNoRecord(t *testing.T) {
	store := newStore(t, newSecret)
	w := httptest.NewRecorder()
	session, err := store.New(request(), name)
	if err != nil {
		t.Fatal(err)
	}
	session.Values["user"] = "alice"
	if err := store.Save(request(), w, session); err != nil {
		t.Fatal(err)
	}
	r := request(pairs(t, w.Header())...)
	if record, stale, _ := store.LoadRecord(r, name); record != nil || stale {
		t.Errorf("record %q, stale %v", record, stale)
	}
	if again, _ := store.New(r, name); again.IsNew || again.Values["user"] != "alice" {
		t.Errorf("session %+v", again)
	}
	session.Options, w = nil, httptest.NewRecorder()
	if err := store.Save(r, w, session); err != nil || !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=86400") {
		t.Errorf("without options of its own: %q, %v", w.Header(), err)
	}
}

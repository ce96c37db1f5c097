package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

func TestAddNote(t *testing.T) {
	tests := []struct {
		name, kind, body string
		header           []string
		want             int
	}{
		{"JSON", jsonType, `{"text":"milk"}`, nil, 201},
		{"JSON with charset", jsonType + "; charset=utf-8", `{"text":"milk"}`, nil, 201},
		{"form", formType, "text=milk", nil, 201},
		{"form of the app's page", formType, "text=milk", []string{"Sec-Fetch-Site", "same-origin", "Origin", localhost},
			201},
		{"form of another site", formType, "text=milk", []string{"Sec-Fetch-Site", "cross-site"}, 403}, // case 149
		{"form of a sibling", formType, "text=milk", []string{"Sec-Fetch-Site", "same-site"}, 403},     // case 149
		{"old browser, other site", formType, "text=milk", []string{"Origin", "https://evil.example"}, 403},
		{"JSON as text", "text/plain", `{"text":"milk"}`, nil, 400},
		{"no text", jsonType, `{}`, nil, 400},
		{"empty form", formType, "", nil, 400},
		{"no JSON", jsonType, "milk", nil, 400},
		{"longest", jsonType, `{"text":"` + strings.Repeat("ö", 1000) + `"}`, nil, 201},
		{"too long", jsonType, `{"text":"` + strings.Repeat("ö", 1001) + `"}`, nil, 400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newApp(t, localhost)
			client := a.client(t, "carol")
			header := append([]string{"Content-Type", test.kind}, test.header...)
			got := a.send(t, client, http.MethodPost, "/api/notes", test.body, header...)
			if got.StatusCode != test.want {
				t.Errorf("%d, want %d; %s", got.StatusCode, test.want, got.body)
			}
			kept := 0
			if test.want == http.StatusCreated {
				kept = 1
			}
			if n := len(a.notes(t, client)); n != kept {
				t.Errorf("%d notes kept, want %d", n, kept)
			}
			// Browsers withhold the cookie from most cross-site requests, which are refused nevertheless.
			want := http.StatusUnauthorized
			if test.want == http.StatusForbidden {
				want = http.StatusForbidden
			}
			got = a.send(t, a.client(t, ""), http.MethodPost, "/api/notes", test.body, header...)
			if got.StatusCode != want {
				t.Errorf("signed out: %d, want %d", got.StatusCode, want)
			}
		})
	}
}

// The response comes before the body has been read. An HTTP client would report that, so the test uses none.
func TestEndlessNote(t *testing.T) {
	a := newApp(t, localhost)
	jar := a.client(t, "alice").Jar
	for kind, begin := range map[string]string{jsonType: `{"text":"`, formType: "text="} {
		r := httptest.NewRequest(http.MethodPost, localhost+"/api/notes",
			strings.NewReader(begin+strings.Repeat("x", maxNoteBody)))
		r.Header.Set("Content-Type", kind)
		for _, cookie := range jar.Cookies(r.URL) {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		a.engine.ServeHTTP(w, r)
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d %s", kind, w.Code, w.Body)
		}
	}
}

func (a *app) notes(t *testing.T, client *http.Client) []note {
	t.Helper()
	var body struct{ Notes []note }
	if err := json.Unmarshal([]byte(a.send(t, client, http.MethodGet, "/api/notes", "").body), &body); err != nil {
		t.Fatal(err)
	}
	return body.Notes
}

func TestNotesAreOnesOwn(t *testing.T) {
	a := newApp(t, localhost)
	alice, bob := a.client(t, "alice"), a.client(t, "bob")
	for _, text := range []string{"milk", "<b>bread</b>"} {
		a.send(t, alice, http.MethodPost, "/api/notes", "text="+text, "Content-Type", formType)
	}
	if mine := a.notes(t, alice); len(mine) != 2 || mine[0].Text != "milk" || mine[1].Text != "<b>bread</b>" ||
		mine[0].Written.IsZero() {
		t.Errorf("alice has %v", mine)
	}
	if his := a.notes(t, bob); len(his) != 0 {
		t.Errorf("bob has %v", his)
	}
}

func TestNotesAreBounded(t *testing.T) {
	n := newNotes()
	for i := range maxNotes {
		o := owner{issuer: "https://idp.example", subject: string(rune('a' + i/maxUserNotes))}
		if !n.keep(o, note{Text: "x"}) {
			t.Fatalf("no room for note %d", i)
		}
		if i == maxUserNotes-1 && n.keep(o, note{}) {
			t.Error("room for more notes of one user")
		}
		if i == maxUserNotes-1 && (!n.keep(owner{"https://other.example", "a"}, note{}) || n.total != maxUserNotes+1) {
			t.Error("another issuer's a is not somebody else")
		}
		if n.total == maxNotes {
			break
		}
	}
	if n.keep(owner{"https://idp.example", "late"}, note{}) {
		t.Error("room for more notes of all")
	}
	a := newApp(t, localhost)
	client := a.client(t, "alice")
	for range maxUserNotes {
		a.send(t, client, http.MethodPost, "/api/notes", "text=x", "Content-Type", formType)
	}
	got := a.send(t, client, http.MethodPost, "/api/notes", "text=x", "Content-Type", formType)
	if got.StatusCode != http.StatusConflict {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

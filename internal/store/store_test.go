package store_test

import (
	"encoding/gob"
	"net/http"
	"reflect"
	"strings"
	"testing"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
)

const good = "a secret of thirty-two bytes, ok"

func TestNewRing(t *testing.T) {
	for _, tt := range []struct {
		secrets []string
		wants   []string // one for each problem: all are reported at once
	}{
		{[]string{good}, nil},
		{[]string{good, good + "!"}, nil},
		{nil, []string{"no secret"}},
		{[]string{good, ""}, []string{"secret 2 of 2 is empty"}},
		{
			[]string{good[1:], "", "short, but secret"},
			[]string{"secret 1 of 3 has 31 bytes, fewer than 32", "secret 2 of 3 is empty", "secret 3 of 3 has 17 bytes"},
		},
	} {
		ring, err := store.NewRing("purpose", tt.secrets)
		if (err != nil) != (tt.wants != nil) || err == nil && ring == nil {
			t.Errorf("%d secrets: %v", len(tt.secrets), err)
			continue
		}
		for _, want := range tt.wants {
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "but secret") {
				t.Errorf("error %q lacks %q, or cites a secret", err, want)
			}
		}
		if err != nil && len(strings.Split(err.Error(), "\n")) != len(tt.wants) {
			t.Errorf("%q", err)
		}
	}
}

func TestNewSession(t *testing.T) {
	options := store.DefaultOptions()
	s := store.NewSession(nil, "app", options)
	if !s.IsNew || s.Name() != "app" || len(s.Values) != 0 || !reflect.DeepEqual(*s.Options, options) {
		t.Errorf("%+v", s)
	}
	s.Options.Path = "/elsewhere"
	want := gsessions.Options{Path: "/", MaxAge: 86400, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if options != want {
		t.Errorf("the options are %+v", options)
	}
}

func TestCheckCookie(t *testing.T) {
	if err := store.CheckCookie("app", &gsessions.Options{Path: "/"}); err != nil {
		t.Error(err)
	}
	if store.CheckCookie("a b", &gsessions.Options{}) == nil ||
		store.CheckCookie("app", &gsessions.Options{Path: "/;"}) == nil {
		t.Error("not refused")
	}
}

// panicking panics when gob encodes it, and sometimes when gob reads it.
type panicking struct{ A int }

type half struct{ A int }

func (panicking) GobEncode() ([]byte, error) { panic("a secret") }
func (half) GobEncode() ([]byte, error)      { return []byte{1}, nil }
func (*half) GobDecode([]byte) error         { panic("a secret") }

func TestGob(t *testing.T) {
	gob.Register(panicking{})
	gob.Register(half{})
	want := map[any]any{"user": "alice", 1: []string{"a"}}
	data, err := store.EncodeGob(want)
	var got map[any]any
	if decodeErr := store.DecodeGob(data, &got); err != nil || decodeErr != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v, %v", got, err, decodeErr)
	}
	if _, err := store.EncodeGob(map[any]any{"k": panicking{}}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a type that panics: %v", err)
	}
	if _, err := store.EncodeGob(map[any]any{"k": struct{ A int }{1}}); err == nil {
		t.Error("a type that is not registered")
	}
	data, err = store.EncodeGob(map[any]any{"k": half{}})
	if decodeErr := store.DecodeGob(data, &got); err != nil || decodeErr == nil ||
		strings.Contains(decodeErr.Error(), "secret") {
		t.Errorf("a type that panics when it is read: %v, %v", err, decodeErr)
	}
	for _, data := range []string{"", "garbage"} {
		if store.DecodeGob([]byte(data), &got) == nil {
			t.Errorf("%q is decoded", data)
		}
	}
}

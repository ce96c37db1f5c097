package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/seal"
)

// TestGoldenSealed holds what is in a gin-contrib store: a record and tokens, each sealed for its place after the
// fingerprint of the audience. The record is read in version 1 and saved in the present one.
func TestGoldenSealed(t *testing.T) {
	const (
		fingerprint  = "m\x99\xe0\x09p?-*"
		id           = "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"
		second       = "\x80\x87\xb5\xc3\x03"
		microsecond  = "\x80\xc0\xdf\xd9\x93\xa0\xd7\x01"
		times        = second + second + "\x00\x00" + microsecond
		record       = fingerprint + "\x02" + id + "\x00" + times + "\x00" + "\x07" + "\x02\x05alice"
		tokens       = fingerprint + id + "the tokens"
		sealedRecord = "AX8Lb99j5kDk1Eqh_gQD-aRH-XqSOhtIZOnK1w-9RDK5iZBseQRhmCs1j99PEcuD_O0ApxUYHKZxEXizFgpC" +
			"_lAMNLcj71K9zUk3mP8n8vw3svKPNMau2VPS-cyPSJ_Zeec"
		sealedTokens = "AX8Lb99D6aGIYfzGI4mRvUTi6QeSBEwIWTQydYvR9VxFaERxdMlzmTfh4UksO4lvRASXltckZS7mj6ONhc4R8fQoJA"
	)
	synctest.Test(t, func(t *testing.T) { // whose clock starts in the year 2000
		store, saved := newScript(), map[string]string{}
		store.new = func(_ *http.Request, name string) (*gsessions.Session, error) {
			s := gsessions.NewSession(store, name)
			s.ID = "id of " + name
			s.Values["ginoidc"] = map[string]string{"sid": sealedRecord, "sid-tokens": sealedTokens}[name]
			return s, nil
		}
		store.save = func(_ http.ResponseWriter, s *gsessions.Session) error {
			text, _ := s.Values["ginoidc"].(string)
			saved[s.Name()] = text
			return nil
		}
		m := newManager(store)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", "sid=x; sid-tokens=y")
		s, err := m.Load(r)
		if err != nil || s == nil || s.Subject != "alice" || s.ID != [16]byte{1, 15: 2} {
			t.Fatalf("%+v, %v", s, err)
		}
		if got, err := m.LoadTokens(r, s); string(got) != "the tokens" || err != nil {
			t.Errorf("tokens %q, %v", got, err)
		}
		if err := m.Retire(r, s, time.Minute); err != nil {
			t.Error(err)
		}
		if err := m.UpdateTokens(http.Header{}, r, s, []byte("the tokens")); err != nil {
			t.Error(err)
		}
		ring, err := seal.NewRing("ginoidc/session", []string{secret})
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"sid": record, "sid-tokens": tokens} {
			if got, _, ok := ring.Open(saved[name], []byte(name+"\x00id of "+name)); !ok || string(got) != want {
				t.Errorf("%s: saved as\n%q, want\n%q", name, got, want)
			}
		}
	})
}

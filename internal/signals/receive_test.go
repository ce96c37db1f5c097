package signals_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/signals"
)

// TestCode: only an error that is known to be the token's has a code. Any other, also one that nobody has thought of,
// is a failure here, after which the transmitter delivers the token again.
func TestCode(t *testing.T) {
	ofToken := func(code string) error {
		return &provider.Error{Code: code, Kind: provider.Refused, Err: provider.ErrInvalidToken}
	}
	for want, errs := range map[string][]error{
		"invalid_issuer":   {ofToken("issuer"), fmt.Errorf("wrapped: %w", ofToken("issuer"))},
		"invalid_audience": {ofToken("audience")},
		"invalid_key":      {ofToken("bad_signature"), ofToken("algorithm")},
		"invalid_request":  {ofToken("wrong_type"), ofToken("issued_at"), provider.ErrInvalidToken},
		"": {
			errors.New("of the caller"), shared.ErrUnavailable, shared.ErrTurn, &flight.PanicError{},
			&provider.Error{Code: "issuer", Kind: provider.Unavailable, Err: errors.New("down")},
		},
	} {
		for _, err := range errs {
			if got := signals.Code(err); got != want {
				t.Errorf("%v: %q, want %q", err, got, want)
			}
		}
	}
}

// TestReadPushed: the token is read only from a request that the transmitter can have sent.
func TestReadPushed(t *testing.T) {
	const authorization = "Bearer 0a1b2c3d"
	for _, tt := range []struct{ configured, authorization, kind, body, code string }{
		{"", "", "application/secevent+jwt", "token", "-"},
		{"", "Bearer x", "application/secevent+jwt; charset=utf-8", "token", "-"},
		{authorization, authorization, "application/secevent+jwt", "token", "-"},
		{authorization, "", "application/secevent+jwt", "token", "authentication_failed"},
		{authorization, authorization + "e", "application/secevent+jwt", "token", "authentication_failed"},
		{"", "", "application/jwt", "token", "invalid_request"},
		{"", "", "", "token", "invalid_request"},
		{"", "", "application/secevent+jwt; charset", "token", "invalid_request"},
		{"", "", "application/secevent+jwt", strings.Repeat("a", 65<<10), "invalid_request"},
	} {
		req := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
		req.Header.Set("Authorization", tt.authorization)
		req.Header.Set("Content-Type", tt.kind)
		r := signals.New(signals.Config{Authorization: tt.configured})
		token, err := r.ReadPushed(httptest.NewRecorder(), req)
		if accepted := tt.code == "-"; accepted != (err == nil) || accepted && token != tt.body ||
			!accepted && signals.Code(err) != tt.code {
			t.Errorf("%q %q of %d bytes: %q, %v", tt.authorization, tt.kind, len(tt.body), token, err)
		}
	}
}

// TestAffected: which sessions an event affects, and how.
func TestAffected(t *testing.T) {
	const issuer = "https://idp.example"
	alice := provider.EventSubject{Format: provider.FormatIssSub, Issuer: issuer, Subject: "alice"}
	other := provider.EventSubject{Format: provider.FormatIssSub, Issuer: "https://other.example", Subject: "alice"}
	session := provider.EventSubject{Format: provider.FormatOpaque, ID: "s1"}
	email := provider.EventSubject{Format: "email", Email: "alice@example.com"}
	for _, tt := range []struct {
		event       string
		of          provider.EventSubject
		discard     bool
		credentials string
		want        string // sub, sid, how
	}{
		{provider.EventSessionRevoked, alice, false, signals.Ignored, "alice  end"},
		{provider.EventSessionRevoked, session, false, signals.Ignored, " s1 end"},
		{provider.EventSessionRevoked, alice, true, signals.Ends, "alice  ignore"},
		{provider.EventSessionRevoked, other, false, signals.Ends, "  ignore"},
		{provider.EventSessionRevoked, email, false, signals.Ends, "  ignore"},
		{provider.EventCredentialChange, alice, false, signals.Ends, "alice  end"},
		{provider.EventCredentialChange, alice, false, signals.StepsUp, "alice  step_up"},
		{provider.EventCredentialChange, session, false, signals.StepsUp, " s1 end"},
		{provider.EventCredentialChange, alice, false, signals.Ignored, "alice  ignore"},
		{provider.EventCredentialChange, session, false, signals.Ignored, " s1 ignore"},
		{provider.EventDeviceComplianceChange, alice, false, signals.Ends, "alice  ignore"},
		{provider.EventVerification, session, false, signals.Ends, "  ignore"},
		{provider.EventStreamUpdated, session, false, signals.Ends, "  ignore"},
	} {
		e := &provider.SecurityEvent{Type: tt.event, Subject: tt.of, Discard: tt.discard}
		sub, sid, how := signals.Affected(e, issuer, tt.credentials)
		if got := sub + " " + sid + " " + how; got != tt.want {
			t.Errorf("%s %+v: %q, want %q", tt.event, tt.of, got, tt.want)
		}
	}
}

package provider_test

import (
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// TestEventPayloads: each event good and in every form that its definition does not allow. Case 337.
func TestEventPayloads(t *testing.T) {
	change := func(credential, kind any) object { return object{"credential_type": credential, "change_type": kind} }
	status := func(before, after any) object { return object{"previous_status": before, "current_status": after} }
	for _, test := range []struct {
		event   string
		payload object
		bad     bool
	}{
		{provider.EventSessionRevoked, object{}, false},
		{provider.EventSessionRevoked, object{"initiating_entity": 7}, false}, // nothing depends on it

		{provider.EventCredentialChange, change("password", "create"), false},
		{provider.EventCredentialChange, change("fido2-roaming", "revoke"), false},
		{provider.EventCredentialChange, change("agreed-with-the-transmitter", "update"), false},
		{provider.EventCredentialChange, change("pin", "delete"), false},
		{provider.EventCredentialChange, object{}, true},
		{provider.EventCredentialChange, change(nil, "create"), true},
		{provider.EventCredentialChange, change("password", nil), true},
		{provider.EventCredentialChange, change("", "create"), true},
		{provider.EventCredentialChange, change(1, "create"), true},
		{provider.EventCredentialChange, change("password", "Create"), true},
		{provider.EventCredentialChange, change("password", "stolen"), true},
		{provider.EventCredentialChange, change("password", []string{"create"}), true},

		{provider.EventTokenClaimsChange, object{"claims": object{"role": "ro-admin"}}, false},
		{provider.EventTokenClaimsChange, object{}, true},
		{provider.EventTokenClaimsChange, object{"claims": object{}}, true},
		{provider.EventTokenClaimsChange, object{"claims": "role"}, true},
		{provider.EventTokenClaimsChange, object{"claims": []any{"role"}}, true},

		{provider.EventDeviceComplianceChange, status("compliant", "not-compliant"), false},
		{provider.EventDeviceComplianceChange, status("not-compliant", "compliant"), false},
		{provider.EventDeviceComplianceChange, status("compliant", nil), true},
		{provider.EventDeviceComplianceChange, status(nil, "compliant"), true},
		{provider.EventDeviceComplianceChange, status("compliant", "unknown"), true},
		{provider.EventDeviceComplianceChange, status(true, "compliant"), true},
	} {
		op := newOP(t)
		got, err := op.transmitter().VerifyEventToken(t.Context(),
			op.logoutToken(eventHeader, eventClaims(object{"events": object{test.event: test.payload}})))
		switch {
		case test.bad:
			wantBadToken(t, err, "event_payload")
		case err != nil || got.Type != test.event || len(got.Payload) != len(test.payload):
			t.Errorf("%v: got %+v, %v", test.payload, got, err)
		}
	}
}

// TestEventsOfStreams: they are about a stream, which is an opaque identifier. Case 337.
func TestEventsOfStreams(t *testing.T) {
	stream := object{"format": "opaque", "id": "stream-1"}
	user := object{"format": "iss_sub", "iss": issuer, "sub": "alice"}
	for _, test := range []struct {
		event   string
		subject object
		payload object
		bad     bool
	}{
		{provider.EventVerification, stream, object{"state": "s"}, false},
		{provider.EventVerification, stream, object{}, false},
		{provider.EventVerification, stream, object{"state": 1}, true},
		{provider.EventVerification, user, object{"state": "s"}, true},
		{provider.EventStreamUpdated, stream, object{"status": "enabled"}, false},
		{provider.EventStreamUpdated, stream, object{"status": "paused", "reason": "maintenance"}, false},
		{provider.EventStreamUpdated, stream, object{"status": "disabled"}, false},
		{provider.EventStreamUpdated, stream, object{}, true},
		{provider.EventStreamUpdated, stream, object{"status": "deleted"}, true},
		{provider.EventStreamUpdated, user, object{"status": "paused"}, true},
	} {
		op := newOP(t)
		got, err := op.transmitter().VerifyEventToken(t.Context(), op.logoutToken(eventHeader,
			eventClaims(object{"sub_id": test.subject, "events": object{test.event: test.payload}})))
		switch {
		case test.bad:
			wantBadToken(t, err, "event_payload")
		case err != nil || got.Subject.ID != "stream-1":
			t.Errorf("%s %v: got %+v, %v", test.event[strings.LastIndex(test.event, "/"):], test.payload, got, err)
		}
	}
}

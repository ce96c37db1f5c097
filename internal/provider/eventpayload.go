package provider

import (
	"fmt"
	"slices"
	"time"
)

// The types of events that this receiver understands (CAEP 1.0 section 3, Shared Signals Framework 1.0 section 8.1).
const (
	EventSessionRevoked         = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	EventCredentialChange       = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
	EventTokenClaimsChange      = "https://schemas.openid.net/secevent/caep/event-type/token-claims-change"
	EventDeviceComplianceChange = "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change"
	EventVerification           = "https://schemas.openid.net/secevent/ssf/event-type/verification"
	EventStreamUpdated          = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"
)

// readPayload reads the events claim. It accepts exactly one event (CAEP Interoperability Profile section 2.7.1): of
// several, each could mean something else.
func (e *SecurityEvent) readPayload(events any, tolerance time.Duration) error {
	object, _ := events.(map[string]any)
	if len(object) != 1 {
		return badToken(opEventToken, "events", "events is not an object with exactly one event")
	}
	for uri, value := range object {
		payload, ok := value.(map[string]any)
		if !ok || uri == "" || len(uri) > maxIdentifier {
			return badToken(opEventToken, "events", "the event is not an object under a URI")
		}
		e.Type, e.Payload = uri, payload
	}
	if err := e.readTime(tolerance); err != nil {
		return err
	}
	if err := e.checkPayload(document(e.Payload)); err != nil {
		return badToken(opEventToken, "event_payload", "%w", err)
	}
	return nil
}

// readTime reads when the event happened. It is what decides which sessions an event is about: those that began later
// are of no concern. An event cannot have happened after its token was issued.
func (e *SecurityEvent) readTime(tolerance time.Duration) error {
	e.Occurred = e.IssuedAt
	if e.Payload["event_timestamp"] == nil {
		return nil
	}
	at, ok := seconds(e.Payload["event_timestamp"])
	if !ok || instant(at).After(e.IssuedAt.Add(tolerance)) {
		return badToken(opEventToken, "bad_time", "event_timestamp is not a time in seconds, or is later than iat")
	}
	if occurred := instant(at); occurred.Before(e.IssuedAt) {
		e.Occurred = occurred
	}
	return nil
}

// checkPayload checks the members that the definition of the event requires.
func (e *SecurityEvent) checkPayload(d document) error {
	switch e.Type {
	case EventCredentialChange:
		if err := d.required("credential_type"); err != nil {
			return err
		}
		return d.required("change_type", "create", "revoke", "update", "delete")
	case EventTokenClaimsChange:
		if claims, _ := d["claims"].(map[string]any); len(claims) == 0 {
			return fmt.Errorf("claims is not an object with members")
		}
	case EventDeviceComplianceChange:
		if err := d.required("previous_status", "compliant", "not-compliant"); err != nil {
			return err
		}
		return d.required("current_status", "compliant", "not-compliant")
	case EventVerification:
		if _, err := d.text("state"); err != nil {
			return err
		}
		return e.checkStream()
	case EventStreamUpdated:
		if err := d.required("status", "enabled", "paused", "disabled"); err != nil {
			return err
		}
		return e.checkStream()
	}
	return nil
}

// checkStream checks that the subject is a stream.
func (e *SecurityEvent) checkStream() error {
	if e.Subject.Format != FormatOpaque {
		return fmt.Errorf("the subject is not a stream, which has the format %s", FormatOpaque)
	}
	return nil
}

// required checks a member that must be a non-empty string, and one of values if there are any.
func (d document) required(name string, values ...string) error {
	text, _ := d.text(name)
	switch {
	case text == "":
		return fmt.Errorf("%s is not a string, or missing or empty", name)
	case len(values) > 0 && !slices.Contains(values, text):
		return fmt.Errorf("%s is %s, not one of %q", name, excerpt(text), values)
	}
	return nil
}

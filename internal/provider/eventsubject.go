package provider

import (
	"errors"
	"fmt"
	"slices"
)

// Formats of subject identifiers (RFC 9493 section 3, Shared Signals Framework 1.0 sections 3.3 and 3.5).
const (
	FormatIssSub  = "iss_sub"
	FormatOpaque  = "opaque"
	FormatEmail   = "email"
	FormatAliases = "aliases"
	FormatComplex = "complex"
)

const maxAliases = 16

// EventSubject is what an event is about. Formats that no session can be found by have only Format and Raw.
type EventSubject struct {
	Format          string
	Issuer, Subject string                  // iss_sub
	ID              string                  // opaque
	Email           string                  // email
	Aliases         []EventSubject          // of one and the same subject
	Members         map[string]EventSubject // complex
	Raw             map[string]any
}

// parseEventSubject reads a subject identifier: a simple one or a complex one, whose members are simple.
func parseEventSubject(value any) (*EventSubject, error) {
	object, _ := value.(map[string]any)
	if object["format"] != FormatComplex {
		return parseSimpleSubject(object, true)
	}
	subject := &EventSubject{Format: FormatComplex, Members: map[string]EventSubject{}, Raw: object}
	for name, value := range object {
		if name == "format" {
			continue
		}
		members, _ := value.(map[string]any)
		member, err := parseSimpleSubject(members, true)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", excerpt(name), err)
		}
		subject.Members[name] = *member
	}
	if len(subject.Members) == 0 {
		return nil, errors.New("a complex subject without members")
	}
	return subject, nil
}

// parseSimpleSubject reads one identifier. Aliases must not be nested (RFC 9493 section 3.2.8).
func parseSimpleSubject(object document, aliases bool) (*EventSubject, error) {
	subject := &EventSubject{Raw: object}
	if subject.Format, _ = object.text("format"); subject.Format == "" {
		return nil, errors.New("not an object with a format, which is a string")
	}
	var err error
	need := func(name string, into *string) {
		text, ok := identifier(Claims(object), name)
		if !ok || text == "" {
			err = errors.Join(err, fmt.Errorf("%s is not a string of 1 to %d bytes", name, maxIdentifier))
		}
		*into = text
	}
	switch subject.Format {
	case FormatIssSub:
		need("iss", &subject.Issuer)
		need("sub", &subject.Subject)
	case FormatOpaque:
		need("id", &subject.ID)
	case FormatEmail:
		need("email", &subject.Email)
	case FormatComplex:
		return nil, errors.New("a complex subject within another subject")
	case FormatAliases:
		if !aliases {
			return nil, errors.New("aliases within aliases")
		}
		subject.Aliases, err = parseAliases(object["identifiers"])
	}
	return subject, err
}

func parseAliases(value any) ([]EventSubject, error) {
	list, _ := value.([]any)
	if len(list) == 0 || len(list) > maxAliases {
		return nil, fmt.Errorf("identifiers is not a list of 1 to %d", maxAliases)
	}
	subjects := make([]EventSubject, 0, len(list))
	for _, element := range list {
		object, _ := element.(map[string]any)
		alias, err := parseSimpleSubject(object, false)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, *alias)
	}
	return subjects, nil
}

// hasUnknown reports whether the subject has one of the critical members in a form that no session can be found by.
func (s *EventSubject) hasUnknown(critical []string) bool {
	for name, member := range s.Members {
		known := name == "user" && member.user() != nil || name == "session" && member.Format == FormatOpaque
		if !known && slices.Contains(critical, name) {
			return true
		}
	}
	return false
}

// user returns the identifier with issuer and subject, which may be an alias, or nil.
func (s *EventSubject) user() *EventSubject {
	if s.Format == FormatIssSub {
		return s
	}
	for i := range s.Aliases {
		if s.Aliases[i].Format == FormatIssSub {
			return &s.Aliases[i]
		}
	}
	return nil
}

// Sessions returns what identifies the sessions that the subject stands for: the subject of the provider's user, the
// provider's session id, or both, of which a session needs both. found is false if there are none: the user is
// another provider's, or named by an e-mail address, which is not an identifier (OpenID Connect Core 1.0 section 5.7)
// and may have passed to somebody else.
//
// Members that say more, such as a device, are not known of sessions here. Without them the subject stands for more
// sessions than meant, never for fewer: a session that may have been revoked counts as revoked.
func (s *EventSubject) Sessions(issuer string) (sub, sid string, found bool) {
	switch s.Format {
	case FormatIssSub, FormatAliases:
		user := s.user()
		if user == nil || user.Issuer != issuer {
			return "", "", false
		}
		return user.Subject, "", true
	case FormatOpaque:
		return "", s.ID, true
	case FormatComplex:
		sid = s.Members["session"].ID // only that of an opaque identifier
		member := s.Members["user"]
		if user := member.user(); user != nil {
			if user.Issuer != issuer { // a user of another provider
				return "", "", false
			}
			sub = user.Subject
		}
	}
	return sub, sid, sub != "" || sid != ""
}

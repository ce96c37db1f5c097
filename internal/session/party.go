package session

import (
	"bytes"
	"context"
	"crypto/sha256"
)

// Party is the app as a client of one identity provider: sessions belong to one.
type Party struct {
	Of any // for the caller

	audience [8]byte
}

// NewParty returns the Party of an audience, which names issuer and client.
func NewParty(audience string, of any) *Party {
	fingerprint := sha256.Sum256([]byte(audience))
	return &Party{Of: of, audience: [8]byte(fingerprint[:8])}
}

// Owns reports whether a record with this head was saved for the party.
func (p *Party) Owns(head []byte) bool { return bytes.Equal(head, p.audience[:]) }

// Parties finds the party of a session by the name of the provider, and by the head of the record where the record
// names none. It returns nil if there is none, or none any longer, and an error if that is unknown.
type Parties func(ctx context.Context, provider string, head []byte) (*Party, error)

// only is the Parties of an app with one.
func only(audience string) Parties {
	party := NewParty(audience, nil)
	return func(context.Context, string, []byte) (*Party, error) { return party, nil }
}

// read finds the parts of a record, and its party. It returns nil if it is none of ours.
func (m *Manager) read(ctx context.Context, data []byte, p *parts) (*Party, error) {
	head, body := split(data)
	parsed := p.parse(body)
	party, err := m.config.Parties(ctx, p.text(fieldProvider), head)
	if err != nil {
		return nil, err
	}
	ours := party != nil && party.Owns(head)
	if !parsed || !ours {
		m.config.Logger.DebugContext(ctx, "session: record ignored", "same_audience", ours)
		return nil, nil
	}
	return party, nil
}

// owns reports whether a record is one of ours, of whatever version.
func (m *Manager) owns(ctx context.Context, data []byte) (bool, error) {
	head, body := split(data)
	var rec Record
	rec.decode(body)
	party, err := m.config.Parties(ctx, rec.Provider, head)
	return party != nil && party.Owns(head), err
}

// split returns what a record begins with, and the rest.
func split(data []byte) (head, body []byte) {
	n := min(len(data), len(Party{}.audience))
	return data[:n], data[n:]
}

// assign gives a new record its party, unless the caller has.
func (m *Manager) assign(ctx context.Context, rec *Record) (err error) {
	if rec.Party == nil {
		rec.Party, err = m.config.Parties(ctx, rec.Provider, nil)
	}
	return err
}

// head is what a record begins with.
func (rec *Record) head() []byte { return bytes.Clone(rec.Party.audience[:]) }

// Package roster keeps the lists of the sessions that users have, and ends sessions: one, those of a user, or those of
// one session at the provider. Each end is reported once, whichever way it comes about.
package roster

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// Roster has the sessions of one provider's users. Errors wrap [shared.ErrUnavailable] or [errors.ErrUnsupported].
type Roster struct {
	*revocation.Ledger
	Labels revocation.Labels
	Events *events.Reporter
}

// End is what is reported of the end of a session, or of all sessions of a subject or sid. Reason is a
// ginoidc.EndReason.
type End struct{ Subject, SID, Reason string }

// Report reports an end.
func (r Roster) Report(ctx context.Context, e End) {
	r.Events.Emit(ctx, events.Event{Kind: events.SessionEnded, Subject: e.Subject, SID: e.SID, Reason: e.Reason})
}

// Add adds a session, which lasts for left without renewal, to the lists of its user. A failure is only reported and
// does not prevent a sign-in, because the lists only serve to display and count sessions.
func (r Roster) Add(ctx context.Context, rec *session.Record, left time.Duration) {
	if err := r.Enlist(ctx, r.RefOf(rec), left); err != nil {
		r.Events.Emit(ctx, events.Event{Kind: events.SessionNotListed, Subject: rec.Subject, Err: err})
	}
}

// remove removes a session from the lists of its user. A failure is only reported: the session has ended already.
func (r Roster) remove(ctx context.Context, ref revocation.Ref) {
	if err := r.Delist(ctx, ref); err != nil {
		r.Events.Emit(ctx, events.Event{Kind: events.SessionStillListed, Err: err})
	}
}

// Close does the rest after [revocation.Ledger.EndSession], which has ended the session of a record: it removes the
// session from the lists and reports its end.
func (r Roster) Close(ctx context.Context, rec *session.Record, reason string) {
	r.remove(ctx, r.RefOf(rec))
	r.Report(ctx, End{rec.Subject, rec.SID, reason})
}

// End ends the session of a record.
func (r Roster) End(ctx context.Context, rec *session.Record, reason string) error {
	return r.end(ctx, r.RefOf(rec), End{rec.Subject, rec.SID, reason})
}

func (r Roster) end(ctx context.Context, ref revocation.Ref, e End) error {
	if err := r.EndSession(ctx, ref.ID); err != nil {
		return err
	}
	r.remove(ctx, ref)
	r.Report(ctx, e)
	return nil
}

// Limit ends the oldest sessions of a user who has more than most, unless that is 0. It never ends the session that has
// just begun, even if another one started later, while the user was at the provider. A session in which somebody else
// acts as the user does not count, so that it ends none of the user's own.
func (r Roster) Limit(ctx context.Context, begun *session.Record, most int, reason string) error {
	if most == 0 || len(begun.Actor) > 0 {
		return nil
	}
	refs, err := r.OfUser(ctx, begun.Subject)
	others := slices.DeleteFunc(refs, func(ref revocation.Ref) bool { return ref.ID == begun.ID })
	for i := most - 1; err == nil && i < len(others); i++ {
		err = r.end(ctx, others[i], End{Subject: begun.Subject, Reason: reason})
	}
	return err
}

// Entry is a session in the list of its user. ID is for EndOne; the cookie cannot be derived from it.
type Entry struct {
	Hash    shared.Hash
	ID      string
	Started time.Time
	Label   string
}

// List returns the sessions of a user, the newest first.
func (r Roster) List(ctx context.Context, subject string) ([]Entry, error) {
	refs, err := r.OfUser(ctx, subject)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(refs))
	for i, ref := range refs {
		entries[i] = Entry{Hash: ref.ID, ID: idOf(ref), Started: ref.Started}
		if entries[i].Label, err = r.Labels.Of(ctx, ref.ID, subject); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func idOf(ref revocation.Ref) string { return hex.EncodeToString(ref.ID[:]) }

// EndOne ends one session of a user by its ID in the list. It looks for it among those of the user alone, so that an ID
// from a request ends nobody else's session. An unknown one is not an error.
func (r Roster) EndOne(ctx context.Context, subject, id, reason string) error {
	refs, err := r.OfUser(ctx, subject)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if idOf(ref) == id {
			return r.end(ctx, ref, End{Subject: subject, Reason: reason})
		}
	}
	return nil
}

// EndOthers ends all sessions of the user of own except own itself.
func (r Roster) EndOthers(ctx context.Context, own *session.Record, reason string) error {
	refs, err := r.OfUser(ctx, own.Subject)
	for _, ref := range refs {
		if ref.ID != own.ID && err == nil {
			err = r.end(ctx, ref, End{Subject: own.Subject, Reason: reason})
		}
	}
	return err
}

// EndSID ends the sessions that are listed under a session at the provider, and returns their number. Anyone can name
// a sid, so nothing is written for an unknown one.
func (r Roster) EndSID(ctx context.Context, sid, reason string) (ended int, err error) {
	refs, err := r.OfSID(ctx, sid)
	for i := 0; err == nil && i < len(refs); i++ {
		err = r.end(ctx, refs[i], End{SID: sid, Reason: reason})
		ended++
	}
	return ended, err
}

// EndUser ends all sessions of a user, listed or not, with one mark.
func (r Roster) EndUser(ctx context.Context, subject, reason string) error {
	if err := r.Ledger.EndUser(ctx, subject); err != nil {
		return err
	}
	r.Report(ctx, End{Subject: subject, Reason: reason})
	return nil
}

// EndAll ends all sessions of all users of the app, with one mark.
func (r Roster) EndAll(ctx context.Context, reason string) error {
	if err := r.Ledger.EndAll(ctx); err != nil {
		return err
	}
	r.Report(ctx, End{Reason: reason})
	return nil
}

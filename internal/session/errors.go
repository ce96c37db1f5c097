package session

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// ErrStore means that the store cannot respond.
var ErrStore = errors.New("session: the store cannot answer")

// ErrGone means that the record to be renewed has been deleted in the meantime.
var ErrGone = errors.New("session: the record is gone")

// RivalsError means that several cookies of the request hold a session, so that it is unknown which one is meant. The
// caller may know that some of them were ended.
type RivalsError struct{ Sessions []*Session }

func (e *RivalsError) Error() string {
	return fmt.Sprintf("session: %d of them in one request", len(e.Sessions))
}

// TooLargeError means that a session does not fit in its store. Nothing was saved: the browser would have dropped the
// cookie silently, and the user would have been sent from sign-in to sign-in.
type TooLargeError struct {
	Size  int    // bytes of the session as the store counts them
	Limit int    // available bytes; 0 if the store does not say
	Parts []Part // largest first, at most 5
}

// Part is a member of the record and its size in bytes.
type Part struct {
	Name string
	Size int
}

func (e *TooLargeError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "session: too large for its store: %d bytes", e.Size)
	if e.Limit > 0 {
		fmt.Fprintf(&b, ", limit %d", e.Limit)
	}
	for _, part := range e.Parts {
		fmt.Fprintf(&b, ", %s %d", part.Name, part.Size)
	}
	return b.String()
}

// saveError converts an error of the store.
func saveError(err error, rec *Record) error {
	var tooLarge *TooLargeError
	var store interface{ TooLarge() (size, limit int) } // such as that of cookiestore
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrGone
	case errors.As(err, &store):
		tooLarge = &TooLargeError{}
		tooLarge.Size, tooLarge.Limit = store.TooLarge()
	case !errors.As(err, &tooLarge):
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	tooLarge.Parts = largestParts(rec)
	return tooLarge
}

func largestParts(rec *Record) []Part {
	parts := []Part{
		{"subject", len(rec.Subject)}, {"sid", len(rec.SID)}, {"name", len(rec.Name)},
		{"preferred_username", len(rec.PreferredUsername)}, {"email", len(rec.Email)}, {"picture", len(rec.Picture)},
		{"groups", len(rec.Groups)}, {"organizations", len(rec.Organizations)}, {"claims", len(rec.Claims)},
		{"data", len(rec.Data)}, {"id token", len(rec.IDToken)}, {"actor", len(rec.Actor)},
	}
	slices.SortStableFunc(parts, func(a, b Part) int { return b.Size - a.Size })
	return parts[:5]
}

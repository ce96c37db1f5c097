package claims

import "sync/atomic"

// Watch detects that a provider never sends a groups claim, the usual reason why nobody is in any group. It is safe for
// concurrent use.
type Watch struct {
	Guarded *atomic.Bool // a guard requires groups
	seen    atomic.Bool
	signIns atomic.Int64
}

// watchedSignIns is the number of sign-ins without groups after which Observe warns.
const watchedSignIns = 10

// Observe counts a sign-in. It returns true at most once: if guards require groups and no sign-in so far had any.
func (w *Watch) Observe(found bool) (warn bool) {
	if found {
		w.seen.Store(true)
	}
	return w.signIns.Add(1) == watchedSignIns && w.Guarded.Load() && !w.seen.Load()
}

package state

import "testing"

// TestRoomTakenByOthers: what needs no further room is never refused, also at the moment when another goroutine has
// taken more than there is and has not yet returned it.
func TestRoomTakenByOthers(t *testing.T) {
	var q quota
	q.limit = 1
	q.count.Store(3)
	if q.counted(1) {
		t.Error("there is no room for one more")
	}
	if !q.counted(0) || !q.counted(-1) {
		t.Error("nothing more is taken, and it is refused")
	}
	if got := q.count.Load(); got != 2 {
		t.Errorf("the count is %d", got)
	}
}

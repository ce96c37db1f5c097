package attempt

import (
	"sync"
	"time"
)

// maxSpent bounds each half of the memory, 4 MB or so. Whoever fills it has signed in tens of
// thousands of times within minutes and gains no more than to spend an attempt of their own twice.
const maxSpent = 1 << 16

// spent remembers states for at least Life, unless maxSpent come in that time, and forgets them in
// two steps: entries go to current; when that is old or full it becomes previous and the one before
// is dropped as a whole. So there is nothing to search for and no goroutine to stop.
type spent struct {
	mu                sync.Mutex
	current, previous map[[secretSize]byte]struct{}
	turned            time.Time // when current was begun
}

// add tells whether the state is new, and remembers it.
func (s *spent) add(state [secretSize]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(time.Now())
	_, before := s.previous[state]
	_, now := s.current[state]
	if before || now {
		return false
	}
	s.current[state] = struct{}{}
	return true
}

func (s *spent) turn(now time.Time) {
	age := now.Sub(s.turned)
	if s.current != nil && age <= Life && len(s.current) < maxSpent {
		return
	}
	s.previous = s.current
	if age > 2*Life {
		s.previous = nil
	}
	s.current, s.turned = make(map[[secretSize]byte]struct{}), now
}

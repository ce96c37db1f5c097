// Package lograte limits how many lines of one kind a log gets, so that a flood of requests does not become a flood of
// lines, which fills disks and hides everything else.
package lograte

import (
	"sync"
	"time"
)

const (
	burst     = 100 // lines of one kind at once
	perSecond = 10  // lines of one kind afterwards
)

// Limiter counts the lines of each kind. Its zero value is ready for use, also by several goroutines. Kinds are kept
// forever: their number must not depend on requests.
type Limiter struct {
	mu    sync.Mutex
	kinds map[string]*count
}

type count struct {
	used       float64   // lines that count against the burst
	at         time.Time // when used was right
	suppressed int
}

// Allow reports whether a line of this kind is to be logged, and how many were suppressed since the last one that was.
func (l *Limiter) Allow(kind string) (suppressed int, ok bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.kinds[kind]
	if c == nil {
		if l.kinds == nil {
			l.kinds = map[string]*count{}
		}
		c = &count{at: now}
		l.kinds[kind] = c
	}
	c.used, c.at = max(0, c.used-now.Sub(c.at).Seconds()*perSecond), now
	if c.used > burst-1 {
		c.suppressed++
		return 0, false
	}
	c.used++
	suppressed, c.suppressed = c.suppressed, 0
	return suppressed, true
}

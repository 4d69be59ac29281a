package icmp

import (
	"sync"
	"time"
)

// A Limit limits the rate of error messages, as RFC 1812 section 4.3.2.8 and RFC 4443 section 2.4 ask. The zero value
// is full.
//
// Thread-safety: safe for any goroutine.
type Limit struct {
	mu    sync.Mutex
	spent time.Duration // of the time that the burst stands for
	last  int64         // ns
}

// Burst is how many messages may go at once.
const Burst = 50

const every = 10 * time.Millisecond // 100 a second

// Take reports whether there is a message left at now, in ns.
func (l *Limit) Take(now int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spent = max(0, l.spent-time.Duration(now-l.last))
	l.last = max(l.last, now)
	if l.spent > (Burst-1)*every {
		return false
	}
	l.spent += every
	return true
}

package svp

import (
	"net"
	"slices"
	"sync"
)

// Callers are the connections that SHOOTDOWN may come by, those first that have been silent longest. Where there are too many,
// the first makes room: who has something to say says so at once.
//
// Thread-safety: all methods may be called at the same time.
type callers struct {
	mu   sync.Mutex
	list []net.Conn
}

// add adds a connection, and reports whether another was closed for it.
func (l *callers) add(c net.Conn) (crowded bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if crowded = len(l.list) == shootConns; crowded {
		_ = l.list[0].Close() // who reads from it notices
		l.list = slices.Delete(l.list, 0, 1)
	}
	l.list = append(l.list, c)
	return crowded
}

// heard notes that a connection has said something.
func (l *callers) heard(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.list, c); i >= 0 {
		l.list = append(slices.Delete(l.list, i, i+1), c)
	}
}

// remove forgets a connection that has ended.
func (l *callers) remove(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.list, c); i >= 0 {
		l.list = slices.Delete(l.list, i, i+1)
	}
}

package pmd

import "sync"

// A Life is what a port has to say about whether it runs: Done and Err of [Port], and the same question
// for Close. Drivers embed one in their ports. The zero value runs.
//
// Thread-safety: all methods are safe for concurrent use.
type Life struct {
	mu    sync.Mutex
	done  chan struct{} // made when it is first asked for
	err   error
	ended bool
}

// Done implements Port.
func (l *Life) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.channel()
}

// Err implements Port.
func (l *Life) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Stop says that the port cannot go on, and why. It reports false when the port had stopped or ended
// already: the first reason stays.
func (l *Life) Stop(reason error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.err != nil {
		return false
	}
	l.err = reason
	close(l.channel())
	return true
}

// End says that the port is being closed. It reports false when that was said before.
func (l *Life) End() (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first = !l.ended
	l.ended = true
	return first
}

// Ended reports whether the port is being closed, or was.
func (l *Life) Ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// channel returns what Done does. l.mu is held.
func (l *Life) channel() chan struct{} {
	if l.done == nil {
		l.done = make(chan struct{})
	}
	return l.done
}

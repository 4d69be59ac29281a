package datapath

import "sync"

// rounds lets callers who want the same thing done share it: a call that comes while a round is under way
// waits for the next one, with all others that do, since the one under way may have passed by what the
// call is about. So a hundred callers at once cost two rounds. The zero value is ready.
//
// Thread-safety: do is for any goroutine.
type rounds struct {
	turn sync.Mutex // held by the round under way

	mu   sync.Mutex
	next chan struct{} // closed when the round that has not begun yet is over; nil: nobody waits for one
}

// do returns when work has run from beginning to end since do was called.
func (r *rounds) do(work func()) {
	r.mu.Lock()
	over := r.next
	if over != nil {
		r.mu.Unlock()
		<-over
		return
	}
	over = make(chan struct{})
	r.next = over
	r.mu.Unlock()

	r.turn.Lock()
	defer r.turn.Unlock()
	r.mu.Lock()
	r.next = nil // who comes from here on was not there when the work began
	r.mu.Unlock()
	work()
	close(over)
}

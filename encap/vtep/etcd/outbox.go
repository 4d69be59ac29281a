package main

import (
	"context"
	"sync"

	"github.com/culvertdev/culvert/encap/vtep"
)

// An outbox says to a switch what others put into it, without making them wait. Of several answers to one
// question it keeps the last.
type outbox struct {
	sink vtep.Sink
	wake chan struct{}

	mu      sync.Mutex
	answers map[vtep.Question]vtep.Answer
	void    bool // all answers so far
	again   bool // recovered
}

func newOutbox(s vtep.Sink) *outbox {
	return &outbox{sink: s, wake: make(chan struct{}, 1), answers: make(map[vtep.Question]vtep.Answer)}
}

// put queues an answer.
func (o *outbox) put(q vtep.Question, a vtep.Answer) {
	o.do(func() { o.answers[q] = a })
}

// all queues that all answers so far are no good any more.
func (o *outbox) all() {
	o.do(func() { o.void = true; clear(o.answers) })
}

// recovered queues that something may have been missed.
func (o *outbox) recovered() {
	o.do(func() { o.again = true })
}

func (o *outbox) do(what func()) {
	o.mu.Lock()
	what()
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run says what is queued until ctx is done.
func (o *outbox) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		}
		o.mu.Lock()
		answers, void, again := o.answers, o.void, o.again
		o.answers, o.void, o.again = make(map[vtep.Question]vtep.Answer), false, false
		o.mu.Unlock()
		if void {
			o.sink.Invalidate(vtep.Scope{What: vtep.Everything})
		}
		for q, a := range answers {
			o.sink.Answer(q, a)
		}
		if again {
			o.sink.Recovered()
		}
	}
}

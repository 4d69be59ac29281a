package vhost

import (
	"testing"
	"time"
)

// Who frees workers looks at rings as well. It must not wait for the worker that it is to free.
func TestLookingAtARingDoesNotWaitForTheWorkerInIt(t *testing.T) {
	b := connected(t, shape{features: common})
	i := newIdleness(b.p)
	b.send(0, number(1, 60)) // finds no buffer
	b.want("tx_full", 1)
	r := b.p.rings[0]
	if !r.gate.Enter() {
		t.Fatal("the ring does not run")
	}
	looked := make(chan struct{})
	go func() {
		i.look(time.Now())
		close(looked)
	}()
	select {
	case <-looked:
	case <-time.After(5 * time.Second):
		t.Error("it waits for the worker")
	}
	r.gate.Leave()
	<-looked
	if !i.since.IsZero() {
		t.Error("a ring that could not be looked at counts as one without buffers")
	}
	// What was missed then is not forgotten.
	i.look(time.Now())
	if i.since.IsZero() {
		t.Error("a ring without buffers counts as one with some")
	}
}

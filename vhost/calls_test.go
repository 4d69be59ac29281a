package vhost

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// blockCalls has the guest want to be told of what it receives, by an eventfd that is full and blocks, and that threads wait for to
// fill it again.
func (b *bench) blockCalls() {
	b.t.Helper()
	const threads = 4
	call := b.g.rings[0].call
	b.g.rings[0].Calls(true)
	b.send(0, number(1, 60)) // finds no buffer: whoever frees the worker is to look at the ring, too
	b.want("tx_full", 1)
	b.g.offer(0, 4, 2048)
	var word [8]byte
	unix.Read(call, word[:]) // it is told once when it starts
	if err := unix.SetNonblock(call, false); err != nil {
		b.t.Fatal(err)
	}
	full := []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if _, err := unix.Write(call, full); err != nil {
		b.t.Fatal(err)
	}
	var writers sync.WaitGroup
	for range threads {
		writers.Go(func() { unix.Write(call, full) })
	}
	b.t.Cleanup(func() {
		done := make(chan struct{})
		go func() { writers.Wait(); close(done) }()
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				unix.SetNonblock(call, true)
				unix.Read(call, word[:])
			}
		}
	})
}

// A frontend takes O_NONBLOCK off the eventfd by which it is told, and keeps it full. The worker does not wait for it, and has no reason
// to end the session.
func TestNoFrontendHoldsUpItsWorker(t *testing.T) {
	b := connected(t, shape{features: common})
	if !b.p.rings[0].call.bell.IsOpen() {
		t.Skip("a kernel without asynchronous operations")
	}
	neighbour := connected(t, shape{features: common})
	b.blockCalls()
	for i := range 4 {
		b.send(0, number(2, 60))
		neighbour.pass(i, 1)
	}
	if n, _ := b.p.rings[0].call.bell.Writes(); n != 0 {
		t.Errorf("the worker has written to the frontend's eventfd %d times", n)
	}
	if got := b.g.receive(0); len(got) != 4 {
		t.Errorf("the guest has %d packets, want 4", len(got))
	}
	b.want("sessions", 1)
	b.want("tx_calls", 4)
}

// Where a kernel has no way to tell a guest without waiting, the worker is freed when it waits, and whoever has held it up gets no
// other chance for some time.
func TestAFrontendThatHoldsUpItsWorkerIsLetGo(t *testing.T) {
	b := newBench(t, shape{features: common}, func(o *Options) { o.retry = 20 * time.Millisecond })
	for _, r := range b.p.rings {
		r.call.bell.Close()
	}
	b.g.connect()
	b.up()
	old := b.g.rings[0].call
	t.Cleanup(func() { unix.Close(old) })
	b.blockCalls()
	begun := time.Now()
	b.send(0, number(2, 60))
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the worker was held up for %v", took)
	}
	b.down()
	eventually(t, "the fault is counted", func() bool { return b.count("fault_call") == 1 })
	gone := time.Now()
	b.g.hangUp()
	for _, r := range b.g.rings {
		b.g.resetRing(r)
	}
	b.g.rings[0].call = b.g.eventfd() // of the one before threads wait
	b.g.connect()
	if took := time.Since(gone); took < firstHeld*20*time.Millisecond/2 {
		t.Errorf("it is served again after %v", took)
	}
	b.up()
	b.pass(0, 3)
}

package vhost

import (
	"fmt"
	"sync/atomic"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/vhost/gate"
	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// A ring is one virtqueue of a port, for as long as the port is open. What it is made of comes and goes with
// the session, which closes the gate to change it; a worker that finds the gate closed finds no ring.
type ring struct {
	gate gate.Gate
	call caller
	down func(error)   // tells the session that the guest has broken a rule; does not block
	miss atomic.Uint64 // what the worker wants to be asked for, as a question; 0: nothing

	// What follows is for whoever is behind the gate.
	half
	broken  bool         // of no use until the next session
	table   *mem.Table   // the memory it is in; nil while there is no ring
	log     *mem.Log     // where writes to it are noted; nil: nowhere
	flight  []byte       // where what is taken is noted; nil: nowhere
	chains  virtq.Chains // taken by the call that is under way
	header  int          // bytes of the virtio-net header
	merge   bool         // a packet for the guest may take several buffers
	takes   pmd.Take     // what the sender of a packet may leave to its receiver
	discard bool         // the guest has disabled the queue: what it sends is taken and dropped
	asking  bool         // the guest may think that it has to kick
	asks    *asker       // asks what addresses stand for; nil: they go through no IOMMU
	waits   bool         // for an answer
	longest int          // bytes of the longest packet in one piece that the guest takes
	polled  bool         // the guest kicks nobody: who receives from it does not sleep
	hidden  int          // buffers given back that the guest does not see yet
	room    int          // bytes of a packet that the guest's last buffer took
}

// show makes the guest see what was given back, and tells it if it wants that. It reports whether it did.
func (r *ring) show() (called bool) {
	if r.hidden == 0 {
		return false
	}
	r.hidden = 0
	r.publish()
	if !r.interrupt() {
		return false
	}
	r.call.call()
	return true
}

// look finds out whether the ring waits for an address to be translated, and has it asked for, once. It follows a take
// that got less than it might have.
func (r *ring) look() {
	if r.asks == nil || r.waits {
		return
	}
	if m, ok := r.missing(); ok {
		r.waits = true
		r.asks.want(r, m)
	}
}

// die ends the ring until the session sets it up anew, because of something the guest did. The caller is inside
// the gate and leaves it.
func (r *ring) die(err error) {
	r.broken = true
	r.gate.Bar()
	r.down(err)
}

// examine ends the ring if a look at it has found something wrong. It follows each that no take does: the worker may sleep then, for
// as long as the guest likes.
func (r *ring) examine() {
	if err := r.half.err(); err != nil {
		r.die(err)
	}
}

// caught is die for v, what recover returned.
func (r *ring) caught(v any) { r.die(r.fault(v)) }

// fault returns v, what recover returned, as an error: memory that the guest or its frontend has taken away. A
// panic that is not about that goes on. nil is none.
func (r *ring) fault(v any) error {
	if v == nil {
		return nil
	}
	if addr, ok := r.table.Fault(v); ok {
		return &MemoryError{What: "the guest's memory", Guest: addr}
	}
	if r.log != nil && r.log.Fault(v) {
		return &MemoryError{What: "the log of dirty pages"}
	}
	if mem.FaultIn(r.flight, v) {
		return &MemoryError{What: "the memory of buffers in flight"}
	}
	panic(v)
}

// A MemoryError is what ends a session whose memory cannot be reached any more.
type MemoryError struct {
	What  string
	Guest uint64 // guest-physical address, of the guest's memory
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("%s is gone, at address %#x: its file was made shorter, or the host is out of pages", e.What, e.Guest)
}

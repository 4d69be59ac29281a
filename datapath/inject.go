package datapath

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring"
	"github.com/culvertdev/culvert/ring/frame"
)

// injectDepth is how many packets may wait that did not come in by a port.
const injectDepth = 1024

// Errors of Inject, beside ErrClosed, ErrNoPort, ErrTooLong and rules.ErrBusy.
var (
	ErrTooShort = errors.New("the packet has no whole Ethernet header")
	ErrProgram  = errors.New("not an action program")
)

// An injection is a packet that comes with its program.
type injection struct {
	frame   frame.Frame
	port    uint32
	program []uint64
}

// injector is the way of packets that do not come in by a port: to one worker, so that they stay in order.
// Thread-safety: the worker pops and counts what it has done; the rest is for everybody.
type injector struct {
	queue  *ring.MPSC[injection]
	pushed atomic.Uint64 // packets pushed, written under mu
	done   atomic.Uint64 // packets of which everything has left, written by the worker once per cycle

	mu     sync.Mutex // over what follows
	frames *frame.Cache
	closed bool
}

// Inject executes a program over a copy of a packet as if it had come in by a datapath port: see
// rules.Sender. By port 0 it comes from nowhere, and what is taken up again of it is dropped.
func (s *Switch) Inject(port uint32, packet []byte, program []uint64) error {
	return s.injectAs(port, nil, packet, program)
}

// injectAs is Inject for a packet that has the tunnel fields of a key, unless that is nil.
func (s *Switch) injectAs(port uint32, key *flow.Key, packet []byte, program []uint64) error {
	if port != 0 && s.tableOf(port) == nil {
		return fmt.Errorf("inject by port %d: %w", port, ErrNoPort)
	}
	if err := s.push(port, key, packet, program); err != nil {
		return fmt.Errorf("inject by port %d: %w", port, err)
	}
	s.wake(0)
	return nil
}

// push queues a packet for the worker.
func (s *Switch) push(port uint32, key *flow.Key, packet []byte, program []uint64) error {
	switch {
	case len(packet) < wire.EthernetSize:
		return ErrTooShort
	case len(packet) > frame.MaxChain*s.o.Pool.Room():
		return ErrTooLong
	case !action.Valid(program):
		return ErrProgram
	}
	x := &s.inject
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return ErrClosed
	}
	f, ok := x.frames.FromBytes(packet)
	if !ok {
		return rules.ErrBusy
	}
	if key != nil {
		putTunnel(s.o.Pool, &f, key, s.options.Of(port))
	}
	if !x.queue.Push(injection{frame: f, port: port, program: slices.Clone(program)}) {
		x.frames.Put(f)
		return rules.ErrBusy
	}
	x.pushed.Add(1)
	return nil
}

// close lets nothing in any more.
func (x *injector) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.closed {
		x.closed = true
		x.frames.Close()
	}
}

// takeInjected executes the programs of packets that did not come in by a port, those that are there now,
// and returns their number.
func (w *pipeline) takeInjected() (n int) {
	if w.inject == nil {
		return 0
	}
	for left := w.inject.queue.Len(); n < left; n++ {
		in, ok := w.inject.queue.Pop()
		if !ok {
			break // the rest is still being written
		}
		w.clones.left = maxClones
		b := &w.answer
		b.Append(in.frame)
		w.journeys.Of(in.frame).Clear() // its first look-up is still to come
		w.x.Extract(w.pool, in.port, 0, b, &w.keys)
		w.run(in.program, run{port: in.port, frames: b.Frames(), l3: w.keys.L3[:1], l4: w.keys.L4[:1]})
		b.Reset()
		w.finishRecirc(0, 0, b)
	}
	w.count.events.Add(injected, uint64(n))
	return n
}

// A sender is what is lent to a bridge's table: port 0 is the bridge's own.
type sender struct {
	s       *Switch
	nowhere uint32
}

// Inject implements rules.Sender.
func (x *sender) Inject(port uint32, packet []byte, program []uint64) error {
	return x.s.Inject(x.port(port), packet, program)
}

// InjectAs implements rules.TunnelSender.
func (x *sender) InjectAs(key *flow.Key, packet []byte, program []uint64) error {
	return x.s.injectAs(x.port(uint32(key.Uint(flow.FieldInPort))), key, packet, program)
}

// port returns the port that packets come from nowhere by for 0.
func (x *sender) port(port uint32) uint32 {
	if port == 0 {
		return x.nowhere
	}
	return port
}

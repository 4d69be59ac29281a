// Package vhost is a port for a virtual machine, or for a program that speaks virtio as one does (DPDK's
// virtio-user, Culvert's own frontend): the back end of vhost-user. The guest's memory is mapped, and packets are
// copied between its rings and the arena.
//
//	guest            frontend (QEMU)                  Port
//	  │ driver ─ rings, buffers in shared memory ── rxQueue, txQueue    its worker, each behind a gate
//	  └───────── messages over a Unix socket ────── session → device    a goroutine of the port's own
//
// The port is open as long as its owner wants. Guests come and go meanwhile, and so does the link: a session
// begins when the two sides are connected, by either of them, and ends when the connection does, or when the
// guest or its frontend has broken a rule. Then the rings stop, the memory is unmapped, and the port tries
// again, for ever. What was negotiated is in the notes of Info; why the last session ended, too.
//
// What it is not: a way around copying. The switch looks at headers, so they must be where the guest cannot
// change them any more.
//
// A guest's queue pair is the port's queue of the same number: what the guest transmits on it is received by
// that queue. A guest that enables fewer pairs than the port has gets what the other transmit queues send in the
// rings that it has.
//
// Thread-safety: as [pmd.Port] says. The session changes a ring only while the gate in front of it is closed to
// workers, who find no ring then and go on with other ports.
//
// Memory: sent frames are copied and freed at once; a receive queue keeps up to 64 empty buffers ready.
//
// Sources: vhost-user specification (QEMU, docs/interop/vhost-user), VIRTIO 1.2, sections 2 and 5.1.
package vhost

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
)

// DriverName is what Info calls this driver.
const DriverName = "vhost-user"

// Bounds of the options.
const (
	MaxQueues = 64
	MinMTU    = 68    // bytes: RFC 791, section 3.2
	MaxMTU    = 65535 // bytes
	tagRoom   = 14 + 2*4
	maxPath   = 107 // bytes: what the name of a Unix socket has room for (unix(7))
)

// Options configure a port. The zero value of each field but Pool and Path picks the default named beside it.
type Options struct {
	Pool   *frame.Pool  // required
	Log    *slog.Logger // default: discard
	Clock  *cpu.Clock   // default: one of its own
	Path   string       // of the Unix socket; required
	Server bool         // listen on Path, instead of connecting to it
	Queues int          // queue pairs that a guest may have; default 1
	MTU    int          // bytes; default 1500
	MAC    net.HardwareAddr
	// Without is what is not offered of [Offered], for guests that have trouble with it.
	Without proto.Features
	// Gather is how long packets may wait in a ring under load, so that they are fetched together; default
	// DefaultGather. Negative: not at all.
	Gather time.Duration
	// Memory is the most bytes of memory that a guest may share; default mem.MaxGuest, 4 TiB, which is the most, too.
	Memory uint64

	space    *mem.Space    // the addresses that its ports share; nil: nobody counts
	retry    time.Duration // the first pause between two attempts; default firstRetry
	patience time.Duration // how long a frontend may take to introduce itself, or to read an answer; default proto.DefaultTimeout
	idle     time.Duration // how long a guest may take nothing; default idleAfter
}

// Open opens a port. That does not need anybody at the other end: see LinkUp.
func Open(name string, o Options) (*Port, error) {
	o, err := o.withDefaults()
	if err == nil {
		var p *Port
		if p, err = open(name, o); err == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("open vhost-user port %s: %w", name, err)
}

func (o Options) withDefaults() (Options, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Queues = cmp.Or(o.Queues, 1)
	o.MTU = cmp.Or(o.MTU, 1500)
	o.retry = cmp.Or(o.retry, firstRetry)
	o.patience = cmp.Or(o.patience, proto.DefaultTimeout)
	o.idle = cmp.Or(o.idle, idleAfter)
	o.Memory = cmp.Or(o.Memory, mem.MaxGuest)
	o.Gather = max(0, cmp.Or(o.Gather, DefaultGather))
	switch {
	case o.Pool == nil:
		return o, errors.New("no frame pool")
	case o.Path == "" || len(o.Path) > maxPath:
		return o, fmt.Errorf("path of %d bytes: want 1 to %d", len(o.Path), maxPath)
	case o.Queues < 1 || o.Queues > MaxQueues:
		return o, fmt.Errorf("%d queues: want 1 to %d", o.Queues, MaxQueues)
	case o.MTU < MinMTU || o.MTU > MaxMTU:
		return o, fmt.Errorf("MTU %d bytes: want %d to %d", o.MTU, MinMTU, MaxMTU)
	case o.Memory > mem.MaxGuest:
		return o, fmt.Errorf("memory of %d bytes: want at most %d", o.Memory, uint64(mem.MaxGuest))
	case o.Gather > maxGather:
		return o, fmt.Errorf("gather %v: want at most %v", o.Gather, maxGather)
	}
	if o.Clock == nil {
		o.Clock = cpu.NewClock()
	}
	return o, nil
}

var _ pmd.Port = (*Port)(nil)

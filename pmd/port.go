package pmd

import (
	"context"
	"net"

	"github.com/culvertdev/culvert/pmd/stage"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// Few is how many packets at once are so few that each one's time is worth more than what a packet costs: they leave before
// anything is done that can wait.
const Few = 4

// An RxQueue is one receive queue of a port. Only the worker that owns the queue calls its methods,
// except Counters.
type RxQueue interface {
	// Recv appends received frames to b until b is full or the queue is empty, and returns how many
	// it added. A queue whose frames cost a system call each may stop earlier, to leave the others
	// their turn. It never blocks. The caller owns the frames.
	Recv(b *frame.Batch) int
	// Arm asks the peer to signal FD when there is something to receive and reports whether there is
	// already; a worker arms all its queues before it sleeps.
	Arm() (ready bool)
	// FD is a descriptor that polls readable when an armed queue has something to receive; -1 when
	// the queue has none and the worker has to look from time to time. The queue owns it; whatever
	// makes it readable must be gone after Recv has emptied the queue.
	FD() int
	// Counters returns the queue's counters. The table's first two are RxPackets and RxBytes.
	Counters() *counter.Block
}

// A TxQueue is one transmit queue of a port, owned by one worker: only it calls its methods, except
// Counters.
type TxQueue interface {
	// Send takes ownership of every frame in b and leaves b empty. Frames that do not fit are freed
	// and counted as drops. It returns the number accepted.
	Send(b *frame.Batch) int
	// Flush makes accepted frames visible to the peer: it rings the doorbell (sendto, eventfd) if
	// the peer asked for one. Called in each poll cycle in which frames were sent, more than once
	// where few left at once, and as long as it returns true, which means that frames are still
	// waiting to leave or to be reclaimed.
	Flush() (pending bool)
	// Counters returns the queue's counters. The table's first two are TxPackets and TxBytes.
	Counters() *counter.Block
}

// A Port is a network device as the switch sees it. Its methods are for the control plane and safe
// for concurrent use; its queues are for workers.
type Port interface {
	// Info describes the port; it does not change while the port is open.
	Info() Info
	// RxQueues and TxQueues return the queues, the same ones each time.
	RxQueues() []RxQueue
	TxQueues() []TxQueue
	// LinkUp reports whether the port has carrier now.
	LinkUp() bool
	// Done is closed when the port cannot go on as it is: its device is gone, or has other queues or
	// another MTU now. Err then says why. The port's owner closes it and opens it anew.
	Done() <-chan struct{}
	// Err returns what stopped the port, or nil while it runs.
	Err() error
	// Samples appends counters that the device or kernel keeps for the port, since it was opened. They never
	// go back: of a device that is gone they are what was read last.
	Samples(dst []counter.Sample) []counter.Sample
	// Close frees everything the port holds, its frames first. No worker may use the queues any
	// more. It is idempotent.
	Close() error
}

// Info describes an open port.
type Info struct {
	Name   string
	Driver string           // name of the driver that opened it
	MAC    net.HardwareAddr // nil where the device has none
	MTU    int              // bytes of the largest layer-3 packet
	NUMA   int              // node of the device, -1 when unknown
	// PartialChecksums: frames may arrive with the L4 checksum left to hardware that is not there,
	// and nothing in the frame says so (veth, tap). The switch completes them.
	PartialChecksums bool
	Takes            *Takes // what packets may leave to the transmit side; nil: nothing
	Notes            []Note // what was chosen for this port, and why not better
}

// A Note is one choice made for a port: which mode it runs in and why not a better one.
type Note struct {
	Key    string // "attach", "copy", "queues"
	Value  string // what was chosen: "native"
	Reason string // why; empty when it is the best there is
}

// A Driver opens ports of one kind. cmd lists the drivers in a table; nothing registers itself.
type Driver interface {
	// Open opens the device. Unknown options and values out of range are errors that name the
	// option, what was expected and what was found.
	Open(ctx context.Context, name string, options map[string]string) (Port, error)
}

// A Processor consumes what a worker receives: the switch, or a test sink. Only its worker calls it.
type Processor interface {
	// Process owns the frames of b, which came from port, and leaves b empty.
	Process(port uint32, b *frame.Batch)
	// Flush ends a poll cycle. now is the cycle's time, read once, in nanoseconds on the monotonic
	// clock. It returns the number of frames it handled on its own account, such as those handed
	// over by the slow path; 0 lets the worker count the cycle as idle.
	Flush(now int64) int
	// Park is called before the worker sleeps, after its queues are armed. true: there is work, do
	// not sleep. Otherwise the processor holds nothing shared until Resume.
	Park() (ready bool)
	Resume()
}

// A Settler is a Processor that keeps packets beyond the cycle in which they came, or leaves them with others. When a queue goes from one worker
// to another, all are asked, between two cycles each and while nobody polls the queue: the one that had it, then the others. So no packet
// is given to a transmit queue before one that came by the queue earlier. Between two transmit queues the order is their device's.
type Settler interface {
	Processor
	// Settled reports whether nothing that came from port is left here. What came from it in a tunnel counts.
	Settled(port uint32) bool
	// TakeOver sends what other workers have handed over. It reports whether that is all that they had when it was asked.
	TakeOver() bool
}

// A Staged processor says which stages its packets are in. It is given its worker's clock before it is given anything else.
type Staged interface {
	Processor
	SetStages(c *stage.Clock)
}

package datapath

import (
	"errors"
	"fmt"
	"math"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/datapath/version"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/stage"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// dryBuffers hold the longest packet there is and copies of it; with 2048 bytes each they take 1 MiB.
const dryBuffers = 512

// A DryRun carries out programs as workers do, with the same code, on packets and frames of its own: nothing
// leaves a port, nothing is metered, counted or sent to a rule table. It has no rules: who uses it decides what
// is done.
//
// Thread-safety: one goroutine at a time.
type DryRun struct {
	pool  *frame.Pool
	w     *pipeline
	batch frame.Batch
	sent  []Sent
	looks []Look
}

// Sent is a packet that a program sends.
type Sent struct {
	Port   uint32 // datapath port
	Packet []byte
}

// NewDryRun returns a dry run in which keys are extracted as x says. It has to be closed.
func NewDryRun(x flow.Extractor) (*DryRun, error) {
	pool, err := frame.NewPool(frame.Options{Buffers: dryBuffers, Huge: frame.HugeNever})
	if err != nil {
		return nil, err
	}
	d := &DryRun{pool: pool}
	if d.w, err = d.newPipeline(x); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return d, nil
}

// newPipeline returns a pipeline with caches that stay empty, so that every packet is asked about, and without a
// way to a slow path, so that none gets an answer.
func (d *DryRun) newPipeline(x flow.Extractor) (*pipeline, error) {
	flows, err := flowcache.New(flowcache.Options{Flows: 1, Seed: &x.Seed})
	if err != nil {
		return nil, err
	}
	frames, err := d.pool.NewCache()
	if err != nil {
		return nil, err
	}
	zero := func() int64 { return 0 }
	w := &pipeline{
		pool: d.pool, frames: frames, x: x, emc: flowcache.NewEMC(1, -1, flows), flows: flows.NewReader(), lists: flows.Lists(),
		book: new(version.Book), journeys: version.NewJourneys(d.pool),
		count: newCounters(), clock: zero, waiting: upcall.NewWaiting(d.pool, 1, 1),
		lane: upcall.NewLane(1, func() {}), stages: new(stage.Clock),
		watch: &watch{asked: func(l Look) { d.looks = append(d.looks, l) }},
	}
	w.pushing.pusher = encap.Pusher{Pool: d.pool, Counters: new(encap.Counters)}
	return w, nil
}

// Enter returns how a packet is looked up that comes in by a port. A packet without a whole Ethernet header is
// not; the error is ErrTooLong.
func (d *DryRun) Enter(port uint32, packet []byte) (l Look, ok bool, err error) {
	return d.EnterAs(port, packet, nil)
}

// EnterAs is Enter for a packet that has come out of a tunnel, with what is kept of its outer headers (Look.Outer).
func (d *DryRun) EnterAs(port uint32, packet []byte, outer *[frame.TunnelRoom]byte) (l Look, ok bool, err error) {
	if err := d.take(packet, outer); err != nil {
		return l, false, err
	}
	d.looks = d.looks[:0]
	d.w.pass(port, 0, 0, &d.batch)
	if len(d.looks) == 0 {
		return l, false, nil
	}
	return d.looks[0], true, nil
}

// enterUnderlay is Enter for a port at which tunnels end. The error may also be why the packet is not let out of its
// tunnel.
func (d *DryRun) enterUnderlay(port uint32, t *encap.Tunnels, packet []byte) (l Look, ok bool, err error) {
	if err := d.take(packet, nil); err != nil {
		return l, false, err
	}
	x := encap.NewPopper(d.w.frames)
	x.Pop(t, d.batch.Frames())
	switch {
	case x.Dropped != 0:
		d.w.frames.PutBatch(&d.batch)
		return l, false, fmt.Errorf("%s: %s", x.Why[0], encap.Reasons()[x.Why[0]].Help)
	case x.Popped != 0:
		port = x.Port[0]
	}
	d.looks = d.looks[:0]
	d.w.pass(port, 0, 0, &d.batch)
	if len(d.looks) == 0 {
		return l, false, nil
	}
	return d.looks[0], true, nil
}

// Run carries out a program on a packet that was looked up. It returns what is sent, in order, and how what
// is taken up again is looked up; both are valid until the next call.
func (d *DryRun) Run(l *Look, program []uint64) (sent []Sent, again []Look, err error) {
	if err := d.take(l.Packet, l.Outer); err != nil {
		return nil, nil, err
	}
	w := d.w
	d.sent, d.looks = d.sent[:0], d.looks[:0]
	w.x.Extract(d.pool, l.Port, l.Recirc, &d.batch, &w.keys)
	words := harmless(nil, program)
	d.connect(words)
	w.clones.left = maxClones
	w.run(words, run{port: l.Port, recirc: l.Recirc, depth: l.Depth, frames: d.batch.Frames(), l3: w.keys.L3[:1], l4: w.keys.L4[:1]})
	d.batch.Reset()
	w.flush()
	if w.again.n > 0 {
		w.recirculate(l.Depth+1, 0, &d.batch)
	}
	return d.sent, d.looks, nil
}

// Close frees what the dry run holds.
func (d *DryRun) Close() error {
	d.w.flows.Close()
	d.w.frames.Close()
	return d.pool.Close()
}

// take makes packet the only one of the batch, with what is kept of its outer headers, unless that is nil.
func (d *DryRun) take(packet []byte, outer *[frame.TunnelRoom]byte) error {
	f, ok := d.w.frames.FromBytes(packet)
	if !ok {
		return fmt.Errorf("%w: %d bytes", ErrTooLong, len(packet))
	}
	if outer != nil {
		*d.pool.Tunnel(f) = *outer
		f.SetFlags(f.Flags() | frame.HasTunnel)
	}
	d.batch.Append(f)
	return nil
}

// connect gives every port that a program names a queue that notes what is sent.
func (d *DryRun) connect(words []uint64) {
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		if in.Op == action.OpOutput && d.w.port(in.Arg) == nil {
			q := &dryQueue{d: d, port: in.Arg, counters: counter.NewBlock(pmd.TxCounters())}
			d.w.setPort(in.Arg, &workerPort{
				id: in.Arg, room: math.MaxInt, tx: txStage{q: q},
				sources: upcall.NewSources(0, d.w.waiting), fresh: counter.NewBlock(newFlowCounters()), // no way to a slow path
			})
		}
	}
}

// harmless appends to dst the words of a program without operations that have an effect beyond the packet,
// outputs apart.
func harmless(dst, words []uint64) []uint64 {
	before := action.OpNone
	for len(words) > 0 {
		in, rest, _ := action.Next(words)
		n := len(words) - len(rest)
		switch in.Op {
		case action.OpMeter:
		case action.OpSend:
			if before == action.OpTrunc {
				dst = dst[:len(dst)-1] // it was about the copy sent
			}
		case action.OpClone:
			inner := harmless(nil, rest[:in.Arg])
			dst = append(append(dst, words[0]&0xffffffff|uint64(len(inner))<<32), inner...)
			n += int(in.Arg)
		case action.OpPush:
			dst = append(dst, words[:n]...)
			if action.Excess(in.Field) == action.ExcessSend {
				dst[len(dst)-n] += uint64(action.ExcessCut-action.ExcessSend) << 8
			}
		default:
			dst = append(dst, words[:n]...)
		}
		before, words = in.Op, words[n:]
	}
	return dst
}

// A dryQueue is the transmit queue of a port that does not exist.
type dryQueue struct {
	d        *DryRun
	port     uint32
	counters *counter.Block
}

// Send implements pmd.TxQueue.
func (q *dryQueue) Send(b *frame.Batch) int {
	n := b.Len()
	for _, f := range b.Frames() {
		q.d.sent = append(q.d.sent, Sent{Port: q.port, Packet: q.d.pool.AppendTo(nil, f)})
	}
	q.d.w.frames.PutBatch(b)
	return n
}

// Flush implements pmd.TxQueue.
func (q *dryQueue) Flush() (pending bool) { return false }

// Counters implements pmd.TxQueue.
func (q *dryQueue) Counters() *counter.Block { return q.counters }

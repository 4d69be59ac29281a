// Package pump is two guests in one process between whom a switch forwards: a [Pump] sends from one to the other as fast as it goes,
// a [Prober] sends single packets and waits for each.
//
// Thread-safety: one goroutine at a time, but for Counted.
package pump

import (
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/switches"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// Options say what a pump sends.
type Options struct {
	Sockets [2]string // of its guests, who listen there
	Split   bool      // rings, else packed ones
	Frames  stream.Spec
	Tunnel  *switches.Tunnel // the switch's, by the second port; nil: none
	Out     bool             // the frames come out of it, from the second port to the first; else the other way
}

// A Pump is guests one of which sends packets of many flows and the other receives what becomes of them. It has one goroutine.
type Pump struct {
	*guests
	o        Options
	inner    [][]byte // without the tunnel
	frames   [][]byte // what is sent, in turn
	arriving int      // bytes of a packet that arrives by a tunnel, or of the first
	next     int      // of frames
	batch    frame.Batch
	offered  atomic.Uint64
	received atomic.Uint64
	check    func(packet []byte) error // of each packet that arrives; nil: they are only counted
	wrong    error                     // what it found first
}

// New opens the guests and makes the packets.
func New(o Options) (*Pump, error) {
	// As testpmd's ports: a packet fits a buffer, flags say whether to notify, and nobody notes what is in flight, which
	// Culvert does for each packet where a guest offers it and Open vSwitch for none.
	g, err := newGuests(o.Sockets, frontend.Options{Split: o.Split, NoMergeable: true, NoEventIndex: true, NoInflight: true})
	if err != nil {
		return nil, err
	}
	u := &Pump{guests: g, o: o}
	if err := u.prepare(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return u, nil
}

// from and to return the ports that send and receive.
func (u *Pump) from() int {
	if u.o.Out {
		return 1
	}
	return 0
}

func (u *Pump) to() int { return 1 - u.from() }

// turn sends a batch and takes what has arrived.
func (u *Pump) turn() {
	b := &u.batch
	u.offered.Add(uint64(u.cache.Fill(b, frame.MaxBatch)))
	for i := range b.Frames() {
		f := &b.Frames()[i]
		packet := u.frames[u.next]
		u.pool.SetLen(f, len(packet))
		copy(u.pool.Bytes(*f), packet)
		if u.next++; u.next == len(u.frames) {
			u.next = 0
		}
	}
	q := u.ports[u.from()].TxQueues()[0]
	q.Send(b)
	q.Flush()
	for i := range u.ports {
		u.receive(i)
	}
}

// receive takes what there is at a port. Where there is a tunnel, what has not the length of what is to arrive may be a question.
func (u *Pump) receive(port int) {
	b := &u.batch
	for u.ports[port].RxQueues()[0].Recv(b) > 0 {
		n := 0
		for _, f := range b.Frames() {
			if u.o.Tunnel != nil && (port != u.to() || u.pool.Total(f) != u.arriving) && u.answer(port, f) {
				continue
			}
			n++
			if u.check != nil && port == u.to() {
				u.wrong = errors.Join(u.wrong, u.check(u.pool.Bytes(f)))
			}
		}
		if port == u.to() {
			u.received.Add(uint64(n))
		}
		u.cache.PutBatch(b)
	}
}

// answer tells the switch, as the answer to any ARP packet, the Ethernet address of the tunnel's far end. It reports false
// for other packets.
func (u *Pump) answer(port int, f frame.Frame) bool {
	packet := u.pool.Bytes(f)
	if len(packet) < wire.MinFrame || binary.BigEndian.Uint16(packet[wire.EthType:]) != wire.TypeARP {
		return false
	}
	var asking [6]byte
	copy(asking[:], packet[wire.EthSrc:])
	const reply = 2 // RFC 826
	t := u.o.Tunnel
	g, ok := u.cache.FromBytes(wire.NewARP(asking, reply, t.FarMAC, t.Far, asking, t.Near))
	if !ok {
		return true
	}
	var b frame.Batch
	b.Append(g)
	q := u.ports[port].TxQueues()[0]
	q.Send(&b)
	q.Flush()
	return true
}

// Counted returns how many packets have arrived, and how many were offered, since New. It is safe for concurrent use.
func (u *Pump) Counted() (received, offered uint64) { return u.received.Load(), u.offered.Load() }

// Run pumps until stop is called, which returns when it has ended.
func (u *Pump) Run() (stop func()) {
	var ending atomic.Bool
	var ended sync.WaitGroup
	ended.Go(func() {
		for !ending.Load() {
			u.turn()
		}
	})
	return func() {
		ending.Store(true)
		ended.Wait()
	}
}

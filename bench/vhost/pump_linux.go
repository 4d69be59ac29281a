package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// A pump is guests one of which sends packets of many flows, as fast as it goes, and the other receives what becomes
// of them. It has one goroutine.
type pump struct {
	*guests
	way
	frames   [][]byte // what is sent, in turn
	arriving int      // bytes of a packet that arrives
	next     int      // of frames
	batch    frame.Batch
	offered  atomic.Uint64
	received atomic.Uint64
	check    func(packet []byte) error // of each packet that arrives; nil: they are only counted
	wrong    error                     // what it found first
}

// newPump opens the guests and makes the packets of a row.
func newPump(p place, s *sample) (*pump, error) {
	// As testpmd's ports: a packet fits a buffer, and flags say whether to notify.
	g, err := newGuests(p, frontend.Options{Split: s.Rings == "split", NoMergeable: true, NoEventIndex: true})
	if err != nil {
		return nil, err
	}
	u := &pump{guests: g, way: *s.row().way}
	if err := u.prepare(s.Size - 4); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return u, nil
}

// from and to return the ports that send and receive.
func (u *pump) from() int {
	if u.out {
		return 1
	}
	return 0
}

func (u *pump) to() int { return 1 - u.from() }

// turn sends a batch and takes what has arrived.
func (u *pump) turn() {
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

// receive takes what there is at a port. What has not the length of what is to arrive there may be a question.
func (u *pump) receive(port int) {
	b := &u.batch
	for u.ports[port].RxQueues()[0].Recv(b) > 0 {
		n := 0
		for _, f := range b.Frames() {
			if (port != u.to() || u.pool.Total(f) != u.arriving) && u.answer(port, f) {
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
func (u *pump) answer(port int, f frame.Frame) bool {
	packet := u.pool.Bytes(f)
	if len(packet) < wire.MinFrame || binary.BigEndian.Uint16(packet[wire.EthType:]) != wire.TypeARP {
		return false
	}
	var asking [6]byte
	copy(asking[:], packet[wire.EthSrc:])
	const reply = 2 // RFC 826
	g, ok := u.cache.FromBytes(wire.NewARP(asking, reply, farMAC, farEnd, asking, nearEnd))
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

// run pumps until stop is called.
func (u *pump) run() (stop func()) {
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

// effect sees to it that it is the rules that move packets, and that these arrive as they should.
func (u *pump) effect(ctx context.Context, r running, rules []string) error {
	if err := r.forward(ctx, []string{"actions=drop"}); err != nil {
		return err
	}
	for !u.ports[0].LinkUp() || !u.ports[1].LinkUp() {
		if err := pause(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("wait for the switch to connect: %w", err)
		}
	}
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		u.turn()
	}
	if n := u.received.Load(); n > 0 {
		return fmt.Errorf("%d packets arrived that a rule was to drop", n)
	}
	if err := r.forward(ctx, rules); err != nil {
		return err
	}
	u.check = u.judge()
	for u.received.Load() < checked {
		u.turn()
		if err := errors.Join(u.wrong, ctx.Err()); err != nil {
			return fmt.Errorf("after %d packets as they should be: %w", u.received.Load(), err)
		}
	}
	u.check = nil
	return nil
}

// checked is how many packets are looked at before any are only counted.
const checked = 4096

// withPump measures with guests of this process.
func (b *bench) withPump(ctx context.Context, r running, p place, s *sample) (err error) {
	u, err := newPump(p, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.close()) }()
	if err := u.effect(ctx, r, s.row().rules); err != nil {
		return err
	}
	stop := u.run()
	defer stop()
	if err := pause(ctx, b.warm); err != nil {
		return err
	}
	counted := func(context.Context) (received, offered uint64, err error) {
		return u.received.Load(), u.offered.Load(), nil
	}
	if err := b.count(ctx, r, counted, s); err != nil || !b.perf {
		return err
	}
	s.Stages, err = profile(ctx, p, r.pid(), s.Rate, b.window)
	return err
}

// Package prober is two guests in one process between whom a switch forwards, one of which sends single packets that the other waits for.
//
// Thread-safety: one goroutine at a time.
package prober

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// patience is how long a packet may be under way before it counts as lost.
const patience = 5 * time.Second

// A Prober is guests one of which sends single packets that the other waits for.
type Prober struct {
	*guests
	size  int // bytes of a packet
	batch frame.Batch
	sent  uint64
}

// New opens the guests, at the sockets where they listen. A packet has size bytes, 22 at least.
func New(sockets [2]string, split bool, size int) (*Prober, error) {
	g, err := newGuests(sockets, frontend.Options{Split: split, NoInflight: true})
	if err != nil {
		return nil, err
	}
	return &Prober{guests: g, size: size}, nil
}

// send sends the next packet, with its number behind the Ethernet header.
func (p *Prober) send() {
	f, ok := p.cache.Get()
	if !ok {
		return // it does not arrive, and says so
	}
	p.pool.SetLen(&f, p.size)
	data := p.pool.Bytes(f)
	clear(data)
	copy(data, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5}) // IEEE 802, local experimental
	p.sent++
	binary.BigEndian.PutUint64(data[14:], p.sent)
	p.batch.Append(f)
	q := p.ports[0].TxQueues()[0]
	q.Send(&p.batch)
	q.Flush()
}

// received reports whether the packet that was sent last has arrived.
func (p *Prober) received() (yes bool) {
	p.ports[1].RxQueues()[0].Recv(&p.batch)
	for _, f := range p.batch.Frames() {
		data := p.pool.Bytes(f)
		yes = yes || len(data) >= 22 && binary.BigEndian.Uint64(data[14:]) == p.sent
	}
	p.cache.PutBatch(&p.batch)
	return yes
}

// await waits for the packet that was sent last.
func (p *Prober) await(d time.Duration) bool {
	for start := time.Now(); time.Since(start) < d; {
		if p.received() {
			return true
		}
	}
	return false
}

// Effect sees to it that it is the rules that move packets. forward gives the switch rules.
func (p *Prober) Effect(ctx context.Context, forward func(rules ...string) error, rules []string) error {
	if err := forward("actions=drop"); err != nil {
		return err
	}
	if err := p.awaitSwitch(ctx); err != nil {
		return err
	}
	p.received() // posts buffers
	for range 10 {
		if p.send(); p.await(20 * time.Millisecond) {
			return errors.New("a packet arrived that a rule was to drop")
		}
	}
	if err := forward(rules...); err != nil {
		return err
	}
	return p.Meet(ctx)
}

// Meet waits until packets pass.
func (p *Prober) Meet(ctx context.Context) error {
	for ctx.Err() == nil {
		if p.ports[0].LinkUp() && p.ports[1].LinkUp() {
			p.received() // posts buffers
			if p.send(); p.await(50 * time.Millisecond) {
				return nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("no packet passes: %w", ctx.Err())
}

// Probe sends rate packets a second for d, the next one when it is due and the one before has arrived, and returns how long each took
// from before it was sent until it was received. each is called with every one's time, and may be nil.
func (p *Prober) Probe(ctx context.Context, rate int, d time.Duration, each func(took time.Duration)) (times []time.Duration, err error) {
	seat, err := cpu.Take(-1) // who waits for each packet is not to be preempted meanwhile
	if err != nil {
		return nil, err
	}
	defer seat.Leave()
	gap := time.Second / time.Duration(rate)
	begin := time.Now()
	for due := begin; due.Sub(begin) < d; due = due.Add(gap) {
		seat.Keep(int64(time.Since(begin)))
		for time.Now().Before(due) {
		}
		start := time.Now()
		p.send()
		if !p.await(patience) {
			return times, errors.Join(fmt.Errorf("a packet did not arrive within %v", patience), ctx.Err())
		}
		took := time.Since(start)
		if times = append(times, took); each != nil {
			each(took)
		}
	}
	return times, nil
}

// awaitSwitch waits until the switch has connected to both guests.
func (g *guests) awaitSwitch(ctx context.Context) error {
	for !g.ports[0].LinkUp() || !g.ports[1].LinkUp() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the switch to connect: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// A prober is guests one of which sends single packets that the other waits for.
type prober struct {
	*guests
	batch frame.Batch
	sent  uint64
	times []time.Duration // from sending to receiving
}

// latency measures how long single packets take.
func (b *bench) latency(ctx context.Context, r running, p place, s *sample) (err error) {
	g, err := newGuests(p, frontend.Options{Split: s.Rings == "split"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	pr := &prober{guests: g}
	if err := r.forward(ctx, s.row().rules); err != nil {
		return err
	}
	if err := pr.meet(ctx, s.Size); err != nil {
		return err
	}
	if err := pr.probe(ctx, s.Size, b.rate, b.warm); err != nil {
		return err
	}
	if err := r.clear(ctx); err != nil {
		return err
	}
	pr.times = pr.times[:0]
	if err := pr.probe(ctx, s.Size, b.rate, b.window); err != nil {
		return err
	}
	slices.Sort(pr.times)
	n := len(pr.times)
	s.Half, s.Most = pr.times[n/2], pr.times[n*99/100]
	s.Rate = float64(n) / b.window.Seconds()
	s.LookUps, s.AsSaid, err = r.account(ctx, s.row())
	return err
}

// send sends the next packet, with its number behind the Ethernet header.
func (p *prober) send(size int) {
	f, ok := p.cache.Get()
	if !ok {
		return // it does not arrive, and says so
	}
	p.pool.SetLen(&f, size-4)
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
func (p *prober) received() (yes bool) {
	p.ports[1].RxQueues()[0].Recv(&p.batch)
	for _, f := range p.batch.Frames() {
		data := p.pool.Bytes(f)
		yes = yes || len(data) >= 22 && binary.BigEndian.Uint64(data[14:]) == p.sent
	}
	p.cache.PutBatch(&p.batch)
	return yes
}

// await waits for the packet that was sent last.
func (p *prober) await(patience time.Duration) bool {
	for start := time.Now(); time.Since(start) < patience; {
		if p.received() {
			return true
		}
	}
	return false
}

// meet waits until packets pass.
func (p *prober) meet(ctx context.Context, size int) error {
	for ctx.Err() == nil {
		if p.ports[0].LinkUp() && p.ports[1].LinkUp() {
			p.received() // posts buffers
			if p.send(size); p.await(50 * time.Millisecond) {
				return nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("no packet passes: %w", ctx.Err())
}

// probe sends at the rate for d, the next packet when it is due and the one before has arrived.
func (p *prober) probe(ctx context.Context, size, rate int, d time.Duration) error {
	gap := time.Second / time.Duration(rate)
	begin := time.Now()
	for due := begin; due.Sub(begin) < d; due = due.Add(gap) {
		for time.Now().Before(due) {
		}
		start := time.Now()
		p.send(size)
		if !p.await(time.Second) {
			return errors.Join(fmt.Errorf("a packet did not arrive within %v", time.Second), ctx.Err())
		}
		p.times = append(p.times, time.Since(start))
	}
	return nil
}

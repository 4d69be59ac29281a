package flood

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/move"
)

// A Flood is two guests who send each other as many packets as a switch between them takes.
type Flood struct {
	o      Options
	guests [2]*Guest
	sent   [2]packets // by who sends them
	judge  func(packet []byte) error
	next   [2]uint32 // of the packets, or of the flows that are counted, by sender
	pieces [batch]move.Piece

	offered  atomic.Uint64
	received atomic.Uint64
	wrong    atomic.Pointer[error] // what ended Run
	checks   chan check
	check    check     // of packets that arrive, with some left to check
	word     [2]uint64 // what packets that arrive at a guest have at wordAt, as they had when they were checked; 0: none was
}

// A check is of so many packets that arrive, one by one.
type check struct {
	left int
	done chan<- error // takes one
}

// batch is how many packets are written, or looked at, at a time.
const batch = 64

// wordAt is where packets have what all of them have: the end of the sender's address, the type and the first bytes of what is in it.
const wordAt = 8

// New makes the guests, where a switch may connect from now on, and the packets.
func New(o Options) (*Flood, error) {
	f := &Flood{o: o, checks: make(chan check)}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("flood: %w", errors.Join(err, f.Close()))
	}
	return f, nil
}

func (f *Flood) open() (err error) {
	sent, inner, err := f.o.prepare()
	if err != nil {
		return err
	}
	f.sent, f.judge = sent, f.o.judge(inner)
	for i, socket := range f.o.Sockets {
		if f.guests[i], err = Listen(socket, f.o.Packed); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the guests, after Run has ended.
func (f *Flood) Close() error {
	var errs []error
	for _, g := range f.guests {
		if g != nil {
			errs = append(errs, g.Close())
		}
	}
	return errors.Join(errs...)
}

// Run floods until ctx ends.
func (f *Flood) Run(ctx context.Context) error {
	seat, err := cpu.Take(f.o.CPU)
	if err != nil {
		return err
	}
	defer seat.Leave()
	clock := cpu.NewClock()
	for ctx.Err() == nil {
		linked, err := f.turn()
		if err != nil {
			f.wrong.Store(&err)
			return err
		}
		if !linked {
			time.Sleep(time.Millisecond)
		}
		seat.Keep(clock.At(clock.Cycles()))
		f.nextCheck()
	}
	return nil
}

// nextCheck begins a check that somebody asks for.
func (f *Flood) nextCheck() {
	if f.check.left > 0 {
		return
	}
	select {
	case f.check = <-f.checks:
	default:
	}
}

// Check waits until n packets that arrived were looked at one by one, each of which is to be as it should be. Run runs beside it. It is safe for
// concurrent use.
func (f *Flood) Check(ctx context.Context, n int) error {
	if n < 1 {
		return fmt.Errorf("a check of %d packets", n)
	}
	done := make(chan error, 1)
	select {
	case f.checks <- check{n, done}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for packets: %w", ctx.Err())
	}
}

// Counted returns how many packets have arrived, and how many were offered, since New, or what a switch did that ended Run. It is safe for
// concurrent use.
func (f *Flood) Counted() (received, offered uint64, err error) {
	if wrong := f.wrong.Load(); wrong != nil {
		err = *wrong
	}
	return f.received.Load(), f.offered.Load(), err
}

// Link waits for the switch. It is safe for concurrent use.
func (f *Flood) Link(ctx context.Context) error {
	for !f.guests[0].Up() || !f.guests[1].Up() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the switch to connect: %w%s", ctx.Err(), f.lasts())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// lasts says why sessions with a switch ended, if any did.
func (f *Flood) lasts() (text string) {
	for i, g := range f.guests {
		g.mu.Lock()
		if g.last != nil {
			text += fmt.Sprintf("; guest %d: %v", i+1, g.last)
		}
		g.mu.Unlock()
	}
	return text
}

// turn has each guest that sends send a batch, and take what has arrived, and reports whether there is a switch. It is an error when a switch
// has done something to a ring that it may not do.
func (f *Flood) turn() (linked bool, err error) {
	for i, g := range f.guests {
		g.mu.Lock()
		if g.rings[sends] != nil {
			linked = true
			if f.o.Both || f.o.Out == (i == 1) {
				f.send(i, g)
			}
			f.receive(i, g)
			for _, r := range g.rings {
				if r.Err() != nil {
					err = fmt.Errorf("guest %d: %w", i+1, r.Err())
				}
			}
		}
		g.mu.Unlock()
	}
	return linked, err
}

// send writes packets where there is room, and gives them to the switch.
func (f *Flood) send(who int, g *Guest) {
	r := g.rings[sends]
	r.Take(RingSize)
	at, n := r.Free()
	n = min(n, batch)
	if f.sent[who].count == nil {
		f.fill(who, g, at, n)
	} else {
		f.fillCounted(who, g, at, n)
	}
	f.offered.Add(uint64(n))
	g.give(sends, n)
}

// give gives the switch entries of a ring, and tells it if it wants to be told.
func (g *Guest) give(ring, n int) {
	r := g.rings[ring]
	r.Give(n)
	if r.Kick() {
		g.bells[ring].Ring(g.kicks[ring])
	}
}

// fill writes the next n packets from entry at on.
func (f *Flood) fill(who int, g *Guest, at, n int) {
	r, list, next := g.rings[sends], f.sent[who].list, int(f.next[who])
	for i := range n {
		packet, entry := list[next], (at+i)%RingSize
		f.pieces[i].Set(g.memory.packet(sends, entry), packet)
		r.SetLen(entry, header+len(packet))
		if next++; next == len(list) {
			next = 0
		}
	}
	f.next[who] = uint32(next)
	move.All(f.pieces[:n])
}

// fillCounted is fill for packets that differ in their destination alone.
func (f *Flood) fillCounted(who int, g *Guest, at, n int) {
	r, packet, c := g.rings[sends], f.sent[who].list[0], f.sent[who].count
	for i := range n {
		entry := (at + i) % RingSize
		f.pieces[i].Set(g.memory.packet(sends, entry), packet)
		r.SetLen(entry, header+len(packet))
	}
	move.All(f.pieces[:n])
	next := f.next[who]
	for i := range n {
		c.put(g.memory.packet(sends, (at+i)%RingSize), next)
		if next++; next == c.flows {
			next = 0
		}
	}
	f.next[who] = next
}

// receive looks at what has arrived and gives its buffers back.
func (f *Flood) receive(who int, g *Guest) {
	r, word := g.rings[receives], f.word[who]
	for {
		at, taken := r.Take(batch)
		if taken == 0 {
			return
		}
		n := 0
		for i := range taken {
			entry := (at + i) % RingSize
			packet := g.memory.packet(receives, entry)
			if f.check.left == 0 && binary.LittleEndian.Uint64(packet[wordAt:]) == word {
				n++
				continue
			}
			f.look(who, packet[:max(r.Written(entry)-header, 0)])
		}
		f.received.Add(uint64(n))
		g.give(receives, taken)
	}
}

// look looks at a packet that is to be checked, or is not one of the usual ones, which counts as long as it is not known what those are. What goes to a
// group is the switch's own: announcements of its addresses, questions.
func (f *Flood) look(who int, packet []byte) {
	if f.word[who] != 0 && f.check.left == 0 || len(packet) < wordAt+8 || packet[0]&1 != 0 {
		return
	}
	err := f.judge(packet)
	if err == nil {
		f.received.Add(1)
		f.word[who] = binary.LittleEndian.Uint64(packet[wordAt:])
	}
	if f.check.left == 0 {
		return
	}
	f.check.left--
	if err != nil {
		f.check.left = 0
	}
	if f.check.left == 0 {
		f.check.done <- err
	}
}

package tunnels

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// A Bench compares scenes. Close ends it.
//
// Thread-safety: one goroutine at a time.
type Bench struct {
	peer *openVSwitch
}

// NewBench starts Open vSwitch with its files in dir.
func NewBench(ctx context.Context, dir string) (*Bench, error) {
	peer, err := newOpenVSwitch(ctx, dir)
	return &Bench{peer}, err
}

// Close stops Open vSwitch.
func (b *Bench) Close() error { return b.peer.close() }

// A Result is what became of a scene.
type Result struct {
	Out, In int // packets compared, those of hosts and those of far ends
	Pushed  int // packets that both switches sent into tunnels
	Popped  int // packets that came out of tunnels in both
	// Differences say where the two differ.
	Differences []string
}

// Compare runs a scene through both switches. The error says that one of them could not run it.
func (b *Bench) Compare(ctx context.Context, s *Scene) (r Result, err error) {
	if err := b.peer.load(ctx, s); err != nil {
		return r, fmt.Errorf("in Open vSwitch: %w", err)
	}
	c, err := newCulvert(s)
	if err != nil {
		return r, fmt.Errorf("in Culvert: %w", err)
	}
	defer func() {
		if e := c.close(); err == nil {
			err = e
		}
	}()
	for _, p := range s.Packets { // so that neighbours are known, as they are to Open vSwitch: what waits for them is looked at anew
		if _, err := c.send(p); err != nil {
			return r, err
		}
	}
	g := &generator{Rand: rand.New(rand.NewPCG(s.Number, 4))}
	for _, p := range s.Packets {
		out, err := b.packet(c, p, &r)
		if err != nil {
			return r, err
		}
		r.Out++
		r.Pushed += len(out[wan])
		if err := b.traces(c, p, &r); err != nil {
			return r, err
		}
		for _, sent := range out[wan] {
			for range 2 {
				change := pick(g, changes...)
				o := back(sent)
				change.make(g, &o)
				n := len(r.Differences)
				in, err := b.packet(c, Packet{wan, o.b}, &r)
				if err != nil {
					return r, err
				}
				if len(r.Differences) > n {
					r.Differences[n] = change.name + " changed: " + r.Differences[n]
				}
				r.In++
				r.Popped += min(1, len(in))
			}
		}
	}
	return r, nil
}

// packet sends a packet through both, and notes a difference. It returns what Open vSwitch sends.
func (b *Bench) packet(c *culvert, p Packet, r *Result) (Output, error) {
	want, err := b.peer.send(p)
	if err != nil {
		return nil, err
	}
	got, err := c.send(p)
	if err != nil {
		return nil, err
	}
	theirs, err := want.normal()
	if err != nil {
		r.Differences = append(r.Differences, fmt.Sprintf("Open vSwitch: packet by %s: %v\n%s", p, err, want))
	}
	ours, err := got.normal()
	if err != nil {
		r.Differences = append(r.Differences, fmt.Sprintf("Culvert: packet by %s: %v\n%s", p, err, got))
	}
	if !maps.EqualFunc(ours, theirs, func(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }) {
		r.Differences = append(r.Differences, fmt.Sprintf("packet by %s\nOpen vSwitch sends %s\nCulvert sends      %s", p, want, got))
	}
	return want, nil
}

// normal returns what left, without what is made up as tunnels' packets leave.
func (o Output) normal() (Output, error) {
	out := maps.Clone(o)
	out[wan] = nil
	for _, b := range o[wan] {
		n, err := normal(b)
		if err != nil {
			return nil, err
		}
		out[wan] = append(out[wan], n)
	}
	return out, nil
}

// String returns the packets by port.
func (o Output) String() string {
	var parts []string
	for _, port := range slices.Sorted(maps.Keys(o)) {
		for _, p := range o[port] {
			parts = append(parts, Packet{port, p}.String())
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}

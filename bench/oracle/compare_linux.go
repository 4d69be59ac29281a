package oracle

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/bench/ovs"
)

// shrinkTries is how many smaller scenes are tried for a difference.
const shrinkTries = 300

// A Bench compares scenes. Close ends it.
//
// Thread-safety: one goroutine at a time.
type Bench struct {
	peer openVSwitch
}

// NewBench starts Open vSwitch with its files in dir.
func NewBench(ctx context.Context, dir string) (*Bench, error) {
	i, err := ovs.Start(ctx, ovs.Options{Dir: dir, Dummy: true})
	if err != nil {
		return nil, err
	}
	return &Bench{openVSwitch{ovs: i, dir: dir}}, nil
}

// Close stops Open vSwitch.
func (b *Bench) Close() error { return b.peer.ovs.Stop() }

// A Result is what became of a scene.
type Result struct {
	Compared int      // packets
	Rules    int      // that both switches took
	Refused  []string // what one of the two refused, and why
	// Difference says where the two differ, with the smallest scene found that shows it; empty if they
	// do not.
	Difference string
	// Passing is a difference that did not show every time the scene was run again: Open vSwitch catches up with
	// what it has learned at a time of its own.
	Passing string
}

// Compare runs a scene through both switches. The error says that one of them could not run it.
func (b *Bench) Compare(ctx context.Context, s Scene) (Result, error) {
	r, err := b.once(ctx, &s)
	if err != nil || r.Difference == "" {
		return r, err
	}
	differs := func(s Scene) bool {
		again, err := b.once(ctx, &s)
		return err == nil && again.Difference != ""
	}
	always := true
	for range 3 {
		always = always && differs(s)
	}
	if !always {
		r.Difference, r.Passing = "", r.Difference+"\n"+s.String()
		return r, nil
	}
	small := s.shrink(shrinkTries, differs)
	least, err := b.once(ctx, &small)
	if least.Difference != "" {
		r.Difference = least.Difference
	}
	r.Difference += "\n" + small.String()
	return r, err
}

// once runs a scene, less what one of the switches refuses, which it takes out of s.
func (b *Bench) once(ctx context.Context, s *Scene) (r Result, err error) {
	theirs, err := b.peer.load(ctx, s)
	if err != nil {
		return r, err
	}
	c, ours, err := newCulvert(ctx, s, nil)
	if err != nil {
		return r, err
	}
	defer func() {
		if e := c.close(); e != nil {
			err = e
		}
	}()
	if len(theirs)+len(ours) > 0 {
		r.Refused = refusals(theirs, ours)
		refused := func(text string) bool { return theirs[text] != "" || ours[text] != "" }
		less := Scene{Ports: s.Ports, Mirrors: s.Mirrors, Packets: s.Packets, Groups: slices.DeleteFunc(slices.Clone(s.Groups), refused), Flows: slices.DeleteFunc(slices.Clone(s.Flows), refused)}
		*s = less
		again, err := b.once(ctx, s)
		again.Refused = append(r.Refused, again.Refused...)
		return again, err
	}
	r.Rules = len(s.Flows)
	learns := s.has("learn(")
	for _, p := range s.Packets {
		want, err := b.peer.send(p)
		if err != nil {
			return r, err
		}
		got, err := c.send(p)
		if err != nil {
			return r, err
		}
		r.Compared++
		if learns {
			if err := b.peer.forget(); err != nil {
				return r, err
			}
			c.sw.Walk()
		}
		if !equal(got, want) {
			r.Difference = fmt.Sprintf("packet by port %d: %s\nOpen vSwitch sends %s\nCulvert sends      %s",
				p.Port, hex.EncodeToString(p.Data), want, got)
			return r, nil
		}
	}
	return r, nil
}

// refusals lists what only one of the two refused, with its reason.
func refusals(theirs, ours map[string]string) (list []string) {
	for _, text := range slices.Sorted(maps.Keys(theirs)) {
		if ours[text] == "" {
			list = append(list, fmt.Sprintf("Open vSwitch refuses %s\n  %s", text, theirs[text]))
		}
	}
	for _, text := range slices.Sorted(maps.Keys(ours)) {
		if theirs[text] == "" {
			list = append(list, fmt.Sprintf("Culvert refuses %s\n  %s", text, ours[text]))
		}
	}
	return list
}

func equal(a, b Output) bool {
	return maps.EqualFunc(a, b, func(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) })
}

// String returns the packets by port.
func (o Output) String() string {
	if len(o) == 0 {
		return "nothing"
	}
	var parts []string
	for _, port := range slices.Sorted(maps.Keys(o)) {
		for _, p := range o[port] {
			parts = append(parts, fmt.Sprintf("%d: %s", port, hex.EncodeToString(p)))
		}
	}
	return strings.Join(parts, "; ")
}

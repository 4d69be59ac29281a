package openflow

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// A LinkAlgorithm is how Multipath makes a link of a hash.
type LinkAlgorithm uint8

// Algorithms of Multipath (ovs-actions(7), "The multipath action").
const (
	LinkModulo    LinkAlgorithm = iota // the remainder
	LinkThreshold                      // the range that the hash lies in
	LinkHRW                            // highest random weight: few packets move when links come or go
	LinkIterHash                       // hash again until it is a link, Arg times at most
)

// linkAlgorithms are the names, by LinkAlgorithm.
func linkAlgorithms() []string { return []string{"modulo_n", "hash_threshold", "hrw", "iter_hash"} }

// Multipath writes to part of a field the number of a link, from 0, that a hash of the packet chooses.
type Multipath struct {
	Fields    HashFields
	Basis     uint16
	Algorithm LinkAlgorithm
	Links     int // 1 to 65536
	Arg       uint32
	Dst       flow.Subfield
}

func (a *Multipath) appendText(b []byte) []byte {
	b = fmt.Appendf(b, "multipath(%s,%d,%s,%d,%d,", a.Fields, a.Basis, linkAlgorithms()[a.Algorithm], a.Links, a.Arg)
	return append(appendSubfield(b, a.Dst), ')')
}

func parseMultipath(arg argument) (Action, error) {
	w := words(arg.text)
	if len(w) != 6 {
		return nil, fmt.Errorf("want (fields,basis,algorithm,n_links,arg,dst), found %q", arg.text)
	}
	a := new(Multipath)
	var err error
	if a.Fields, err = parseHashFields(w[0]); err != nil {
		return nil, err
	}
	if a.Basis, err = parse16(w[1]); err != nil {
		return nil, fmt.Errorf("basis: %w", err)
	}
	names := linkAlgorithms()
	i := slices.Index(names, w[2])
	if i < 0 {
		return nil, fmt.Errorf("want algorithm %s, found %q", strings.Join(names, ", "), w[2])
	}
	a.Algorithm = LinkAlgorithm(i)
	links, err := strconv.ParseUint(w[3], 0, 32)
	if err != nil || links < 1 || links > 1<<16 {
		return nil, fmt.Errorf("n_links: want 1 to 65536, found %q", w[3])
	}
	a.Links = int(links)
	n, err := strconv.ParseUint(w[4], 0, 32)
	if err != nil {
		return nil, fmt.Errorf("arg: want a number of 32 bits, found %q", w[4])
	}
	a.Arg = uint32(n)
	if a.Dst, err = parseTarget(w[5]); err != nil {
		return nil, err
	}
	if a.Dst.Bits < 16 && a.Links > 1<<a.Dst.Bits {
		return nil, fmt.Errorf("%s: want room for %d links, found %d bits", w[5], a.Links, a.Dst.Bits)
	}
	return a, nil
}

// words splits an argument at its commas.
func words(s string) []string {
	list := strings.Split(s, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// multipath carries out a multipath action.
func (x *xlate) multipath(a *Multipath) {
	hash, ok := x.hashBy(a.Fields, a.Basis, a.values())
	if !ok {
		return
	}
	link := a.link(hash)
	value := [16]byte{13: byte(link >> 16), 14: byte(link >> 8), 15: byte(link)}
	x.load(a.Dst, &value)
	x.traceLoaded(a.Dst, value)
}

// values returns how many values a hash must have for the links to get about the same share: one is off
// by a sixteenth at most where the hash is divided, and by as much in the mean where it is drawn by lot.
func (a *Multipath) values() int {
	if a.Algorithm == LinkModulo || a.Algorithm == LinkThreshold {
		return max(spreadSlots, 16*a.Links)
	}
	return lots(a.Links)
}

// lots returns how many values a hash must have that n things are drawn by.
func lots(n int) int { return max(spreadMany, spreadSlots*n) }

// link returns the link that a hash chooses.
func (a *Multipath) link(hash linkHash) int {
	switch a.Algorithm {
	case LinkThreshold:
		return int(uint64(hash.value) * uint64(a.Links) / (uint64(hash.last) + 1))
	case LinkHRW:
		return highestWeight(hash, a.Links, func(int) bool { return true })
	case LinkIterHash:
		return a.iterate(hash.value)
	}
	return int(hash.value % uint32(a.Links))
}

// highestWeight returns which of n things that may be chosen has the highest weight with a hash, -1 if
// none may be.
func highestWeight(hash linkHash, n int, may func(int) bool) int {
	best, weight := -1, uint64(0)
	for i := range n {
		if !may(i) {
			continue
		}
		if w := mix64(uint64(hash.value)<<32 | uint64(i)); best < 0 || w > weight {
			best, weight = i, w
		}
	}
	return best
}

// iterate hashes until the hash's lowest bits, as many as n links need, are a link. When Arg tries did not
// do it is the remainder.
func (a *Multipath) iterate(hash uint32) int {
	mask := uint32(1)<<bits.Len32(uint32(a.Links-1)) - 1
	tries := max(1, min(a.Arg, 64)) // each does with a probability above 1/2
	for i := range tries {
		hash = uint32(mix64(uint64(hash)<<8 | uint64(i)))
		if link := hash & mask; link < uint32(a.Links) {
			return int(link)
		}
	}
	return int(hash % uint32(a.Links))
}

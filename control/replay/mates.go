package replay

import (
	"math/rand/v2"
	"slices"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

const (
	// matesPerFlow is how many random packets each new megaflow is tried with.
	matesPerFlow = 16
	// mateBytes is how far into a packet bytes are changed: into all headers that are looked at.
	mateBytes = 96
)

// mates makes packets that a megaflow covers besides the one it was made from.
type mates struct {
	random *rand.Rand
	dry    *datapath.DryRun
}

// of returns a random packet that m covers; ok is false if this try gave none. Every other one is made from the
// bytes of l's packet, and can be anything; the others from its key, and are of the same protocols.
func (t *mates) of(l *looked, m *flow.Match) (mate looked, ok bool) {
	mate = *l
	if t.random.IntN(2) == 0 {
		mate.Packet = nil
		t.changeKey(&mate.Key, &m.Mask)
	} else if !t.changeBytes(&mate) {
		return mate, false
	}
	// Caches tell packets by what blocks their keys have, too.
	return mate, mate.Key.Blocks() == l.Key.Blocks() && m.Matches(&mate.Key)
}

// changeBytes changes bytes of the packet and extracts its key anew.
func (t *mates) changeBytes(mate *looked) bool {
	mate.Packet = slices.Clone(mate.Packet)
	for range 1 + t.random.IntN(3) {
		mate.Packet[t.random.IntN(min(len(mate.Packet), mateBytes))] ^= byte(1 + t.random.IntN(255))
	}
	l, ok, err := t.dry.EnterAs(mate.Port, mate.Packet, mate.Outer)
	if !ok || err != nil {
		return false
	}
	// What the packet does not carry itself.
	for _, f := range [...]flow.FieldID{flow.FieldRecircID, flow.FieldDPHash, flow.FieldPktMark} {
		l.Key.SetUint(f, mate.Key.Uint(f))
	}
	mate.Key = l.Key
	return true
}

// changeKey gives some fields of a key that the packet has, bits under mask apart, random values.
func (t *mates) changeKey(key *flow.Key, mask *flow.Mask) {
	for _, f := range [...]flow.FieldID{
		flow.FieldEthSrc, flow.FieldEthDst, flow.FieldVLANVID, flow.FieldVLANPCP,
		flow.FieldIPSrc, flow.FieldIPDst, flow.FieldIPv6Src, flow.FieldIPv6Dst, flow.FieldIPv6Label,
		flow.FieldIPTOS, flow.FieldIPECN, flow.FieldIPTTL,
		flow.FieldTCPSrc, flow.FieldTCPDst, flow.FieldTCPFlags, flow.FieldUDPSrc, flow.FieldUDPDst,
		flow.FieldSCTPSrc, flow.FieldSCTPDst, flow.FieldICMPCode,
		flow.FieldARPSPA, flow.FieldARPTPA, flow.FieldARPSHA, flow.FieldARPTHA,
		flow.FieldMPLSLabel, flow.FieldMPLSTC, flow.FieldMPLSTTL,
	} {
		if t.random.IntN(2) == 0 || !f.Info().Need.Met(key, nil) {
			continue
		}
		var field flow.Mask
		field.SetExact(f)
		value, own, fixed := key.Bytes(f), field.Bytes(f), mask.Bytes(f)
		for i := range value {
			free := own[i] &^ fixed[i]
			if f == flow.FieldVLANVID && i == 0 {
				free &^= flow.VLANPresent >> 8 // there is a tag
			}
			value[i] = value[i]&^free | byte(t.random.Uint32())&free
		}
	}
}

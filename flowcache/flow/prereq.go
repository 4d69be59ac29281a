package flow

import (
	"fmt"
	"strings"
)

// CheckPrerequisites reports a field that m matches although packets in m need not have it: tp_dst
// without tcp, udp or the like. OVS drops such fields from a match with a message in its log.
func (m *Match) CheckPrerequisites() error {
	for f := FieldID(1); f < NumFields; f++ {
		if fields[f].Need == NeedNone || !m.Mask.Any(f) || fields[f].Need.Met(&m.Key, nil) {
			continue
		}
		if !m.otherMeaning(f) {
			return m.needError(f)
		}
	}
	return m.checkICMP()
}

// otherMeaning reports whether the bits that m matches in f are, in the packets of m, those of
// another field: icmp_type instead of tcp_src.
func (m *Match) otherMeaning(f FieldID) bool {
	for g := FieldID(1); g < NumFields; g++ {
		if sharesBits(f, g) && fields[g].Need.Met(&m.Key, nil) {
			return true
		}
	}
	return false
}

func sharesBits(f, g FieldID) bool {
	a, b := &fields[f], &fields[g]
	return a.Block == b.Block && a.Off == b.Off && a.Size == b.Size && a.In&^b.In == 0 && a.Size != 16
}

// checkICMP holds type and code, which tp_src and tp_dst can name too, to what they can be.
func (m *Match) checkICMP() error {
	if !NeedICMP.Met(&m.Key, nil) && !NeedICMPv6.Met(&m.Key, nil) {
		return nil
	}
	for _, f := range [...]FieldID{FieldICMPType, FieldICMPCode} {
		if v := m.Key.Uint(f); m.Mask.Any(f) && (!m.Mask.Exact(f) || v > 0xff) {
			return fmt.Errorf("%s: want 0 to 255 without a mask, found %#x/%#x", f, v, m.Mask.Uint(f))
		}
	}
	return nil
}

// needError says what is missing for f, under each meaning that its bits can have.
func (m *Match) needError(f FieldID) error {
	names, needs := []string{}, []string{fields[f].Need.String()}
	for g := f + 1; g < NumFields; g++ {
		if sharesBits(f, g) && fields[g].Need != NeedNone && fields[g].Need != fields[f].Need {
			names = append(names, fields[g].Name)
			needs = append(needs, fields[g].Need.String())
		}
	}
	name := fields[f].Name
	if len(names) > 0 {
		name += " (or " + strings.Join(names, ", ") + ")"
	}
	found := "no dl_type"
	if m.Mask.Any(FieldEthType) {
		found = string(m.appendProtocol(nil))
	}
	return fmt.Errorf("%s: want %s matched as well, found %s", name, strings.Join(needs, " or "), found)
}

// appendProtocol appends the part of m that says what protocol its packets are.
func (m *Match) appendProtocol(dst []byte) []byte {
	var p Match
	for _, f := range [...]FieldID{FieldEthType, FieldIPProto, FieldIPFrag} {
		if m.Mask.Any(f) {
			p.SetUintMasked(f, m.Key.Uint(f), m.Mask.Uint(f))
		}
	}
	return p.Append(dst, Names{})
}

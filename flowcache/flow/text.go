package flow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/encap/wire"
)

// PortNames translates between port names and the numbers that in_port and actset_output are matched
// by. Where one is asked for, nil knows no names.
type PortNames interface {
	PortNumber(name string) (number uint32, ok bool)
	PortName(number uint32) (name string, ok bool)
}

// Names is what gives a meaning to words of a match that is not their own. The zero Names has none.
type Names struct {
	Ports   PortNames // nil: ports by number only
	Options *TLVMap   // nil: no tun_metadata fields
}

// ParseMatch parses a match in ovs-ofctl's syntax, such as "tcp,in_port=1,tp_dst=80", and checks its
// prerequisites. An error names the field, what was expected and what was found.
func ParseMatch(s string, names Names) (Match, error) {
	var m Match
	for s != "" {
		var name, value string
		name, value, s = NextField(s)
		if name == "" {
			continue
		}
		ok, err := m.ParseField(name, value, names)
		if err != nil {
			return Match{}, err
		}
		if !ok {
			return Match{}, fmt.Errorf("%s: want a match field, found an unknown word%s", name, HintMatch(name))
		}
	}
	return m, m.CheckPrerequisites()
}

// NextField splits the first "name=value" or "name" off s, a list separated by commas or white space.
// name is empty when s has no more. Double quotes in a value protect separators.
func NextField(s string) (name, value, rest string) {
	s = strings.TrimLeft(s, ", \t\r\n")
	quoted := false
	end, eq := len(s), -1
scan:
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '=' && eq < 0:
			eq = i
		case !quoted && strings.IndexByte(", \t\r\n", c) >= 0:
			end = i
			break scan
		}
	}
	if eq < 0 {
		return s[:end], "", s[end:]
	}
	return s[:eq], s[eq+1 : end], s[end:]
}

// ParseField parses one part of a match: a shorthand such as "tcp" without value, a field in any of
// its spellings, or a subfield such as "NXM_NX_REG0[0..7]". It replaces what m matched in that field.
// ok is false when name is none of these. Prerequisites are not looked at, since the order of fields
// is free: call CheckPrerequisites at the end.
func (m *Match) ParseField(name, value string, names Names) (ok bool, err error) {
	if typ, proto, ok := shorthand(name); ok {
		if value != "" {
			return true, fmt.Errorf("%s: want no value, found %q", name, value)
		}
		if typ != 0 {
			m.SetUint(FieldEthType, uint64(typ))
		}
		if proto != 0 {
			m.SetUint(FieldIPProto, uint64(proto))
		}
		return true, nil
	}
	f, ok := FieldByName(name)
	if !ok {
		if strings.IndexByte(name, '[') < 0 {
			return false, nil
		}
		sub, err := ParseSubfield(name)
		if err != nil {
			return true, err
		}
		return true, m.parseSubfield(sub, name, value, names)
	}
	return true, m.parseWhole(f, name, value, names)
}

// shorthand returns what a word such as "tcp" stands for; 0 is nothing.
func shorthand(name string) (typ uint16, proto uint8, ok bool) {
	switch name {
	case "eth":
		return 0, 0, true // all packets here start with an Ethernet header
	case "ip", "ipv4", "ip4":
		return wire.TypeIPv4, 0, true
	case "icmp":
		return wire.TypeIPv4, wire.ProtoICMP, true
	case "tcp":
		return wire.TypeIPv4, wire.ProtoTCP, true
	case "udp":
		return wire.TypeIPv4, wire.ProtoUDP, true
	case "sctp":
		return wire.TypeIPv4, wire.ProtoSCTP, true
	case "ipv6", "ip6":
		return wire.TypeIPv6, 0, true
	case "icmp6":
		return wire.TypeIPv6, wire.ProtoICMPv6, true
	case "tcp6":
		return wire.TypeIPv6, wire.ProtoTCP, true
	case "udp6":
		return wire.TypeIPv6, wire.ProtoUDP, true
	case "sctp6":
		return wire.TypeIPv6, wire.ProtoSCTP, true
	case "arp":
		return wire.TypeARP, 0, true
	case "rarp":
		return wire.TypeRARP, 0, true
	case "mpls":
		return wire.TypeMPLS, 0, true
	case "mplsm":
		return wire.TypeMPLSM, 0, true
	}
	return 0, 0, false
}

// parseWhole parses the value of a whole field.
func (m *Match) parseWhole(f FieldID, name, value string, names Names) error {
	if f.IsTunMetadata() {
		return m.parseOption(f, name, value, names.Options)
	}
	if n, err := strconv.ParseUint(value, 0, 16); f == FieldDLVLAN && err == nil && n == vlanNone {
		m.SetUintMasked(FieldVLANTCI, 0, 0xffff)
		return nil
	}
	v, mask, err := ParseValue(f, value, names.Ports)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return m.setField(f, name, v, mask)
}

// setField makes m match value under mask in field f, which the user called name.
func (m *Match) setField(f FieldID, name string, value, mask Value) error {
	switch f {
	case FieldDLVLAN, FieldVLANVID, FieldVLANPCP, FieldDLVLANPCP:
		if err := m.setVLAN(f, value.Uint(), mask.Uint()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	if fields[f].Size == 16 {
		m.SetBytesMasked(f, value[:], mask[:])
	} else {
		m.SetUintMasked(f, value.Uint(), mask.Uint())
	}
	return nil
}

// vlanNone is dl_vlan's value for frames without a tag (OpenFlow 1.0, OFP_VLAN_NONE).
const vlanNone = 0xffff

// setVLAN sets the fields that are parts of the outer tag. They imply that there is one, or that there
// is none.
func (m *Match) setVLAN(f FieldID, v, mask uint64) error {
	const vid, pcp = 0x0fff, 0xe000
	tci, tciMask := m.Key.Uint(FieldVLANTCI), m.Mask.Uint(FieldVLANTCI)
	switch {
	case mask == 0 && (f == FieldVLANPCP || f == FieldDLVLANPCP):
		tci, tciMask = tci&^pcp, tciMask&^pcp
	case f == FieldVLANPCP || f == FieldDLVLANPCP:
		tci = tci&^pcp | VLANPresent | v<<13
		tciMask |= VLANPresent | pcp
	case mask == 0: // any VLAN; whether there is a tag still counts if its priority does
		part := uint64(vid)
		if tciMask&pcp == 0 {
			part |= VLANPresent
		}
		tci, tciMask = tci&^part, tciMask&^part
	case f == FieldVLANVID && v == 0 && mask == VLANPresent|vid:
		tci, tciMask = 0, 0xffff
	case f == FieldDLVLAN:
		tci = tci&pcp | VLANPresent | v
		tciMask |= VLANPresent | vid
	case mask == VLANPresent|vid && v&VLANPresent == 0:
		return fmt.Errorf("want %#x for VLAN %d, or 0 for frames without a tag, found %#x", v|VLANPresent, v, v)
	default: // vlan_vid with a mask
		tci = tci&pcp | v&mask
		tciMask = tciMask&pcp | mask
	}
	m.SetUintMasked(FieldVLANTCI, tci, tciMask)
	return nil
}

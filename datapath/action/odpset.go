package action

import (
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// An odpName is a field in the words of OVS's datapath: the header it is in and its name there.
type odpName struct{ header, field string }

var odpNames = [flow.NumFields]odpName{
	flow.FieldEthSrc: {"eth", "src"}, flow.FieldEthDst: {"eth", "dst"},
	flow.FieldVLANTCI: {"vlan", "tci"},
	flow.FieldIPSrc:   {"ipv4", "src"}, flow.FieldIPDst: {"ipv4", "dst"},
	flow.FieldIPTOS: {"ipv4", "tos"}, flow.FieldIPTTL: {"ipv4", "ttl"},
	flow.FieldIPv6Src: {"ipv6", "src"}, flow.FieldIPv6Dst: {"ipv6", "dst"}, flow.FieldIPv6Label: {"ipv6", "label"},
	flow.FieldARPSPA: {"arp", "sip"}, flow.FieldARPTPA: {"arp", "tip"}, flow.FieldARPOp: {"arp", "op"},
	flow.FieldARPSHA: {"arp", "sha"}, flow.FieldARPTHA: {"arp", "tha"},
	flow.FieldTCPSrc: {"tcp", "src"}, flow.FieldTCPDst: {"tcp", "dst"},
	flow.FieldUDPSrc: {"udp", "src"}, flow.FieldUDPDst: {"udp", "dst"},
	flow.FieldSCTPSrc: {"sctp", "src"}, flow.FieldSCTPDst: {"sctp", "dst"},
	flow.FieldICMPType: {"icmp", "type"}, flow.FieldICMPCode: {"icmp", "code"},
	flow.FieldICMPv6Type: {"icmpv6", "type"}, flow.FieldICMPv6Code: {"icmpv6", "code"},
	flow.FieldNDTarget: {"nd", "target"}, flow.FieldNDSLL: {"nd", "sll"}, flow.FieldNDTLL: {"nd", "tll"},
}

// odpNameOf returns what OVS calls a field in packets like the one key is of.
func odpNameOf(f flow.FieldID, key *flow.Key) odpName {
	n := odpNames[f]
	v6 := key.Uint(flow.FieldEthType) == wire.TypeIPv6
	switch {
	case f == flow.FieldIPTOS && v6:
		n = odpName{"ipv6", "tclass"}
	case f == flow.FieldIPTTL && v6:
		n = odpName{"ipv6", "hlimit"}
	case n.header == "":
		n = odpName{"field", f.String()}
	}
	return n
}

// setODP returns the operations at the front of words that change fields of one header, as one, and what
// follows them.
func setODP(words []uint64, key *flow.Key) (text string, rest []uint64) {
	var parts []string
	header := ""
	for in, next, ok := Next(words); ok && in.Op == OpSet; in, next, ok = Next(words) {
		n := odpNameOf(in.Field, key)
		if header != "" && n.header != header {
			break
		}
		header = n.header
		parts = append(parts, in.odpValue(n.field))
		words = next
	}
	return fmt.Sprintf("set(%s(%s))", header, strings.Join(parts, ",")), words
}

// odpValue returns what an OpSet writes, under a name.
func (in *Instruction) odpValue(name string) string {
	switch in.Field {
	case flow.FieldVLANTCI:
		return tciText(in.Value[0], in.Mask[0])
	case flow.FieldIPTOS: // the byte as a whole, of which the field is a part
		if in.Mask[0] != 0xff {
			return fmt.Sprintf("%s=%#x/%#x", name, in.Value[0], in.Mask[0])
		}
		return fmt.Sprintf("%s=%#x", name, in.Value[0])
	case flow.FieldIPv6Label:
		return fmt.Sprintf("%s=%#x", name, in.Value[0])
	}
	var m flow.Match
	size := int(in.Field.Info().Size)
	copy(m.Key.Bytes(in.Field), operandBytes(in.Value, size))
	copy(m.Mask.Bytes(in.Field), operandBytes(in.Mask, size))
	return string(flow.AppendValue([]byte(name+"="), in.Field, &m.Key, &m.Mask, nil))
}

// tciText returns the parts of a tag that mask has whole; a mask that has parts of parts as a number.
func tciText(tci, mask uint64) string {
	const vid, pcp = 0x0fff, 0xe000
	var parts []string
	if mask&vid == vid {
		parts = append(parts, fmt.Sprintf("vid=%d", tci&vid))
		mask &^= vid
	}
	if mask&pcp == pcp {
		parts = append(parts, fmt.Sprintf("pcp=%d", tci>>13&7))
		mask &^= pcp
	}
	if mask &^= flow.VLANPresent; mask != 0 {
		parts = append(parts, fmt.Sprintf("tci=%#x/%#x", tci&mask, mask))
	}
	return strings.Join(parts, ",")
}

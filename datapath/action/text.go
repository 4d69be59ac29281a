package action

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Format returns a program as text for people: operations separated by commas, ports by the names
// portName gives them; nil prints their numbers.
func Format(words []uint64, portName func(uint32) string) string {
	var parts []string
	for in, rest, ok := Next(words); ok; in, rest, ok = Next(rest) {
		if in.Op == OpClone {
			parts = append(parts, "clone("+Format(rest[:in.Arg], portName)+")")
			rest = rest[in.Arg:]
			continue
		}
		parts = append(parts, in.text(portName))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("drop(%s)", NoMatch)
	}
	return strings.Join(parts, ",")
}

// String returns the reason's name.
func (r Reason) String() string {
	if table := Reasons(); int(r) < len(table) {
		return table[r].Name
	}
	return fmt.Sprintf("reason %d", uint32(r))
}

// Sentence says in words what the reason is.
func (r Reason) Sentence() string {
	if table := Reasons(); int(r) < len(table) {
		return table[r].Help
	}
	return r.String()
}

// text returns one operation other than OpClone: in the words of Open vSwitch where it has some, but for outputs,
// drops and what OpSet does.
func (in *Instruction) text(portName func(uint32) string) string {
	switch in.Op {
	case OpOutput:
		return "output:" + portText(in.Arg, portName)
	case OpDrop:
		return fmt.Sprintf("drop(%s)", Reason(in.Arg))
	case OpSet:
		return in.setText()
	case OpPushVLAN:
		vid, pcp := in.Arg&0xfff, in.Arg>>13&7
		if tpid := in.Arg >> 16; tpid != 0x8100 {
			return fmt.Sprintf("push_vlan(tpid=0x%04x,vid=%d,pcp=%d)", tpid, vid, pcp)
		}
		return fmt.Sprintf("push_vlan(vid=%d,pcp=%d)", vid, pcp)
	case OpPopVLAN:
		return "pop_vlan"
	case OpHash:
		return fmt.Sprintf("hash(%s(%d))", HashAlg(in.Arg>>24), in.Arg&0xffffff)
	case OpLarger:
		return fmt.Sprintf("check_pkt_larger(%d)", in.Arg)
	case OpTrunc:
		return fmt.Sprintf("trunc(%d)", in.Arg)
	case OpPushMPLS:
		return fmt.Sprintf("push_mpls(label=%d,tc=%d,ttl=%d,bos=%d,eth_type=0x%x)",
			in.Arg>>12, in.Arg>>9&7, in.Arg&0xff, in.Arg>>8&1, in.Value[0])
	case OpPopMPLS:
		return fmt.Sprintf("pop_mpls(eth_type=0x%x)", in.Arg)
	case OpMeter:
		return fmt.Sprintf("meter(%d)", in.Arg)
	case OpSend:
		return fmt.Sprintf("send(0x%x)", in.Arg)
	case OpPush:
		h := in.Header()
		return fmt.Sprintf("tnl_push(tnl_port(%s),%s)", portText(h.Tunnel, portName), encap.Text(h.Stack))
	case OpRecirc:
		return fmt.Sprintf("recirc(0x%x)", in.Arg)
	}
	return fmt.Sprintf("unknown(%d)", in.Op)
}

// portText returns a port's name, or its number.
func portText(port uint32, portName func(uint32) string) string {
	if portName == nil {
		return fmt.Sprint(port)
	}
	return portName(port)
}

// setText formats an OpSet in the words of set_field.
func (in *Instruction) setText() string {
	var m flow.Match
	size := int(in.Field.Info().Size)
	copy(m.Key.Bytes(in.Field), operandBytes(in.Value, size))
	copy(m.Mask.Bytes(in.Field), operandBytes(in.Mask, size))
	text := flow.AppendValue([]byte("set("+in.Field.String()+"="), in.Field, &m.Key, &m.Mask, nil)
	return string(append(text, ')'))
}

// operandBytes returns the last size bytes of the operand.
func operandBytes(words []uint64, size int) []byte {
	var buf [16]byte
	for i, w := range words {
		binary.BigEndian.PutUint64(buf[8*i:], w)
	}
	return buf[8*len(words)-size : 8*len(words)]
}

// String returns the algorithm's name.
func (a HashAlg) String() string {
	switch a {
	case HashL4:
		return "l4"
	case HashSymL4:
		return "sym_l4"
	}
	return fmt.Sprintf("algorithm %d", uint8(a))
}

package openflow

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A fakeClock is set by the test.
type fakeClock struct{ now int64 }

func (c *fakeClock) read() int64 { return c.now }

// trunks returns trunk ports with these OpenFlow numbers; their datapath ports are 100 more.
func trunks(numbers ...uint32) []rules.Port {
	var list []rules.Port
	for _, n := range numbers {
		list = append(list, rules.Port{ID: 100 + n, Number: n, Name: fmt.Sprintf("p%d", n)})
	}
	return list
}

// newTable returns a table with these ports and flows, and its clock.
func newTable(tb testing.TB, o Options, ports []rules.Port, flows string) (*Table, *fakeClock) {
	tb.Helper()
	clock := &fakeClock{now: 1000 * second}
	o.Clock = clock.read
	t, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	t.SetPorts(ports)
	add(tb, t, flows)
	return t, clock
}

// add adds flows, one a line.
func add(tb testing.TB, t *Table, flows string) {
	tb.Helper()
	list, err := Parser{Ports: t}.ParseFlows(strings.NewReader(flows), "test")
	if err != nil {
		tb.Fatal(err)
	}
	if err := t.AddFlows(list); err != nil {
		tb.Fatal(err)
	}
}

// packet returns the key of a packet, written as a match. in_port is the OpenFlow number.
func packet(tb testing.TB, text string) *flow.Key {
	tb.Helper()
	m, err := flow.ParseMatch(text, flow.Names{})
	if err != nil {
		tb.Fatal(err)
	}
	k := m.Key
	k.SetUint(flow.FieldInPort, k.Uint(flow.FieldInPort)+100)
	for i, f := range [...]flow.FieldID{flow.FieldVLANTCI, flow.FieldVLANTCI1} {
		tpid := [...]flow.FieldID{flow.FieldVLANTPID, flow.FieldVLANTPID1}[i]
		if k.Uint(f) != 0 && k.Uint(tpid) == 0 {
			k.SetUint(tpid, tpid8021Q)
		}
	}
	return &k
}

// look looks a packet up without consequences.
func look(tb testing.TB, t *Table, text string) *rules.Verdict {
	tb.Helper()
	return lookQuery(tb, t, &rules.Query{Key: packet(tb, text), Now: t.clock()})
}

// live looks a packet up as one that waits for the verdict.
func live(tb testing.TB, t *Table, text string) *rules.Verdict {
	tb.Helper()
	return lookQuery(tb, t, &rules.Query{Key: packet(tb, text), Now: t.clock(), Live: true})
}

func lookQuery(tb testing.TB, t *Table, q *rules.Query) *rules.Verdict {
	tb.Helper()
	v := new(rules.Verdict)
	if err := t.Lookup(q, v); err != nil {
		tb.Fatal(err)
	}
	return v
}

// program returns a verdict's program as text, with OpenFlow port numbers.
func program(v *rules.Verdict) string {
	return action.Format(v.Actions.Words(), func(id uint32) string { return fmt.Sprint(id - 100) })
}

// consulted returns the fields that a verdict's mask has bits of, those named for all their bits plain,
// others with the mask.
func consulted(v *rules.Verdict) string {
	var parts []string
	for _, f := range [...]flow.FieldID{
		flow.FieldEthSrc, flow.FieldEthDst, flow.FieldEthType, flow.FieldVLANTCI, flow.FieldVLANTPID, flow.FieldVLANTCI1,
		flow.FieldIPSrc, flow.FieldIPDst, flow.FieldIPProto, flow.FieldIPTOS, flow.FieldIPTTL, flow.FieldIPFrag, flow.FieldTCPSrc,
		flow.FieldTCPDst, flow.FieldTCPFlags, flow.FieldPktMark,
	} {
		switch {
		case v.Mask.Exact(f):
			parts = append(parts, f.String())
		case v.Mask.Any(f):
			parts = append(parts, fmt.Sprintf("%s/0x%x", f, v.Mask.Uint(f)))
		}
	}
	return strings.Join(parts, ",")
}

// A wirePacket is a packet as a key, with all its tags: the key has the outer two.
type wirePacket struct {
	key  flow.Key
	tags []tag
}

func newWirePacket(k *flow.Key) wirePacket {
	return wirePacket{*k, []tag{outerTag(k), innerTag(k)}}
}

func (p *wirePacket) tag(i int) tag {
	if i < len(p.tags) {
		return p.tags[i]
	}
	return 0
}

func (p *wirePacket) push(t tag) { p.setTags(append([]tag{t}, p.tags...)) }

func (p *wirePacket) pop() {
	if len(p.tags) > 0 {
		p.setTags(append([]tag(nil), p.tags[1:]...))
	}
}

func (p *wirePacket) setTags(tags []tag) {
	p.tags = tags
	b := tagBytes(&p.key[flow.Base])
	binary.BigEndian.PutUint32(b, uint32(p.tag(0)))
	binary.BigEndian.PutUint32(b[4:], uint32(p.tag(1)))
}

// pushLabel and popLabel know of as many labels as a key has.
func (p *wirePacket) pushLabel(typ uint16, entry uint32) {
	b := labelBytes(&p.key[flow.Label])
	copy(b[4:], append([]byte(nil), b...))
	if !isMPLS(uint16(p.key.Uint(flow.FieldEthType))) {
		clear(b)
	}
	binary.BigEndian.PutUint32(b, entry)
	p.key.SetUint(flow.FieldEthType, uint64(typ))
}

func (p *wirePacket) popLabel(typ uint16) {
	b := labelBytes(&p.key[flow.Label])
	copy(b, append(append([]byte(nil), b[4:]...), 0, 0, 0, 0))
	p.key.SetUint(flow.FieldEthType, uint64(typ))
}

func (p *wirePacket) set(f flow.FieldID, value, mask []byte) {
	b := p.key.Bytes(f)
	for i := range b {
		b[i] = b[i]&^mask[i] | value[i]&mask[i]
	}
	switch programField(f) {
	case flow.FieldVLANTCI:
		p.setTags(append([]tag{outerTag(&p.key)}, p.tags[min(1, len(p.tags)):]...))
	}
}

// A sent is a packet that went out of a datapath port: its contents, without what exists beside it.
type sent struct {
	port uint32
	what string
}

func (p *wirePacket) send(port uint32) sent {
	k := p.key
	k.SetUint(flow.FieldInPort, 0)
	k.SetUint(flow.FieldPktMark, 0)
	tags := p.tags
	for len(tags) > 0 && tags[len(tags)-1] == 0 {
		tags = tags[:len(tags)-1]
	}
	return sent{port, fmt.Sprintf("%x %x %x %x", k[flow.Base], k[flow.Net6], k[flow.Label][:4*keyLabels], tags)}
}

// execute runs a program over the packet of a key, as the datapath would.
func execute(words []uint64, k *flow.Key) (out []sent, reason string) {
	p := newWirePacket(k)
	return p.run(words)
}

func (p *wirePacket) run(words []uint64) (out []sent, reason string) {
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		switch in.Op {
		case action.OpOutput:
			out = append(out, p.send(in.Arg))
		case action.OpDrop:
			return out, action.Reason(in.Arg).String()
		case action.OpSet:
			size := int(in.Field.Info().Size)
			p.set(in.Field, operand(in.Value, size), operand(in.Mask, size))
		case action.OpPushVLAN:
			p.push(tag(in.Arg))
		case action.OpPopVLAN:
			p.pop()
		case action.OpPushMPLS:
			p.pushLabel(uint16(in.Value[0]), in.Arg)
		case action.OpPopMPLS:
			p.popLabel(uint16(in.Arg))
		case action.OpTrunc, action.OpSend, action.OpMeter: // of no consequence for a key
		case action.OpClone:
			copied := *p
			sent, _ := copied.run(rest[:in.Arg])
			out, rest = append(out, sent...), rest[in.Arg:]
		default:
			panic(fmt.Sprintf("unknown operation %d", in.Op))
		}
	}
	return out, ""
}

func operand(words []uint64, size int) []byte {
	var b []byte
	for _, w := range words {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b[len(b)-size:]
}

func mustParts(tb testing.TB, names ...string) (list []flow.Subfield) {
	tb.Helper()
	for _, n := range names {
		part, err := flow.ParseSubfield(n)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, part)
	}
	return list
}

// runFrame runs a program of NORMAL over a frame.
func runFrame(words []uint64, pkt []byte) map[uint32][]byte {
	out := make(map[uint32][]byte)
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		switch in.Op {
		case action.OpOutput:
			out[in.Arg] = pkt
		case action.OpPopVLAN:
			pkt = popFrame(pkt)
		case action.OpPushVLAN:
			pkt = pushFrame(pkt, uint16(in.Arg>>16), uint16(in.Arg))
		case action.OpSet:
			pkt = slices.Clone(pkt)
			old := binary.BigEndian.Uint16(pkt[14:])
			binary.BigEndian.PutUint16(pkt[14:], (old&^uint16(in.Mask[0])|uint16(in.Value[0]))&^flow.VLANPresent)
		}
	}
	return out
}

func popFrame(b []byte) []byte { return slices.Concat(b[:12], b[16:]) }

func pushFrame(b []byte, tpid, tci uint16) []byte {
	tag := binary.BigEndian.AppendUint16(nil, tpid)
	return slices.Concat(b[:12], binary.BigEndian.AppendUint16(tag, tci&^flow.VLANPresent), b[12:])
}

// sentFrames runs a program over a frame that changes addresses and tags only, and returns all that it sends,
// each frame behind its OpenFlow port.
func sentFrames(words []uint64, pkt []byte) (out []string) {
	limit := len(pkt) + 100
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		switch in.Op {
		case action.OpOutput:
			out = append(out, fmt.Sprintf("%d %x", in.Arg-100, pkt[:min(len(pkt), limit)]))
			limit = len(pkt) + 100
		case action.OpTrunc:
			limit = int(in.Arg)
		case action.OpPopVLAN:
			pkt = popFrame(pkt)
		case action.OpPushVLAN:
			pkt = pushFrame(pkt, uint16(in.Arg>>16), uint16(in.Arg))
		case action.OpClone:
			out = append(out, sentFrames(rest[:in.Arg], pkt)...)
			rest = rest[in.Arg:]
		case action.OpSet:
			pkt = slices.Clone(pkt)
			at, n := 14, 2
			if in.Field == flow.FieldEthDst {
				at, n = 0, 6
			}
			mask := binary.BigEndian.AppendUint64(nil, in.Mask[0])[8-n:]
			value := binary.BigEndian.AppendUint64(nil, in.Value[0])[8-n:]
			if at == 14 {
				mask[0] &^= flow.VLANPresent >> 8
			}
			for i := range n {
				pkt[at+i] = pkt[at+i]&^mask[i] | value[i]&mask[i]
			}
		}
	}
	return out
}

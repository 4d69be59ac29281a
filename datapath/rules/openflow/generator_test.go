package openflow

import (
	"math/rand/v2"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A generator makes random rules and packets with few different values, so that they meet.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) *generator { return &generator{rand.New(rand.NewPCG(seed, 1))} }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// matchable are the fields that rules match.
var matchable = []flow.FieldID{
	flow.FieldInPort, flow.FieldEthSrc, flow.FieldEthDst, flow.FieldEthType, flow.FieldVLANTCI, flow.FieldIPSrc, flow.FieldIPDst,
	flow.FieldIPProto, flow.FieldIPTTL, flow.FieldIPTOS, flow.FieldIPFrag, flow.FieldTCPSrc, flow.FieldTCPDst, flow.FieldIPv6Src,
	flow.FieldIPv6Dst, flow.FieldARPSPA, flow.FieldARPSHA, flow.FieldNDTarget, flow.FieldPktMark, flow.FieldReg0, flow.FieldReg0 + 5,
	flow.FieldReg0 + 21, flow.FieldXReg0 + 1, flow.FieldMetadata, flow.FieldVLANTCI1, flow.FieldActsetOutput,
}

// settable are the fields that actions set.
var settable = []flow.FieldID{
	flow.FieldInPort, flow.FieldEthSrc, flow.FieldEthDst, flow.FieldVLANTCI, flow.FieldVLANVID, flow.FieldVLANPCP, flow.FieldDLVLAN,
	flow.FieldDLVLANPCP, flow.FieldIPSrc, flow.FieldIPDst, flow.FieldIPTTL, flow.FieldIPTOS, flow.FieldIPDSCP, flow.FieldIPECN,
	flow.FieldTCPSrc, flow.FieldTCPDst, flow.FieldUDPDst, flow.FieldIPv6Src, flow.FieldIPv6Dst, flow.FieldIPv6Label, flow.FieldARPSPA,
	flow.FieldARPTPA, flow.FieldARPSHA, flow.FieldARPOp, flow.FieldNDTarget, flow.FieldICMPType, flow.FieldPktMark, flow.FieldReg0,
	flow.FieldReg0 + 5, flow.FieldReg0 + 21, flow.FieldXReg0 + 1, flow.FieldXXReg0 + 5, flow.FieldMetadata,
}

// value returns one of few values of a field.
func (g *generator) value(f flow.FieldID) uint64 {
	switch f {
	case flow.FieldActsetOutput:
		return pick[uint64](g, 1, 2, 3, PortUnset)
	case flow.FieldInPort:
		return pick[uint64](g, 1, 2, 3, 4, 5, 9)
	case flow.FieldEthType:
		return pick[uint64](g, wire.TypeIPv4, wire.TypeIPv4, wire.TypeIPv6, wire.TypeARP, 0x8100, 0x9000)
	case flow.FieldIPProto:
		return pick[uint64](g, wire.ProtoTCP, wire.ProtoUDP, wire.ProtoICMP, wire.ProtoICMPv6, wire.ProtoSCTP)
	case flow.FieldEthDst, flow.FieldEthSrc:
		return pick[uint64](g, 0x020000000001, 0x020000000002, 0x020000000003, 0x01005e000001, 0x0180c2000000)
	case flow.FieldVLANTCI, flow.FieldVLANTCI1:
		return pick[uint64](g, 0, 0x1000, 0x1005, 0x1007, 0x3005, 0x2000|0x1000)
	case flow.FieldVLANVID:
		return 0x1000 | pick[uint64](g, 0, 5, 7)
	case flow.FieldDLVLAN:
		return pick[uint64](g, 0, 5, 7)
	case flow.FieldIPTTL:
		return pick[uint64](g, 0, 1, 2, 64)
	case flow.FieldIPFrag:
		return pick[uint64](g, 0, 0, flow.FragAny, flow.FragAny|flow.FragLater)
	case flow.FieldIPTOS:
		return pick[uint64](g, 0, 4, 0xfc)
	case flow.FieldICMPType:
		return pick[uint64](g, wire.NDSolicit, wire.NDAdvert, 8)
	}
	return g.Uint64N(3) & f.Info().Max()
}

// key returns a random packet.
func (g *generator) key() flow.Key {
	var k flow.Key
	k.SetUint(flow.FieldInPort, 100+g.Uint64N(5)+1)
	for _, f := range [...]flow.FieldID{
		flow.FieldEthSrc, flow.FieldEthDst, flow.FieldEthType, flow.FieldIPSrc, flow.FieldIPDst, flow.FieldIPProto, flow.FieldIPTTL,
		flow.FieldIPTOS, flow.FieldIPFrag, flow.FieldTCPSrc, flow.FieldTCPDst, flow.FieldIPv6Src, flow.FieldIPv6Dst, flow.FieldARPSHA,
		flow.FieldNDTarget, flow.FieldPktMark,
	} {
		k.SetUint(f, g.value(f))
	}
	for i := range g.IntN(3) {
		b := tagBytes(&k[flow.Base])[4*i:]
		t := makeTag(pick[uint16](g, 0x8100, 0x8100, 0x88a8), uint16(g.value(flow.FieldVLANTCI))|flow.VLANPresent)
		b[0], b[1], b[2], b[3] = byte(t>>24), byte(t>>16), byte(t>>8), byte(t)
	}
	return k
}

// twist returns a packet that agrees with k under mask and may differ everywhere else.
func (g *generator) twist(k *flow.Key, mask *flow.Mask) flow.Key {
	o := g.key()
	for b := range flow.FastBlocks {
		for i := range o[b] {
			if g.IntN(4) == 0 {
				o[b][i] = byte(g.Uint32())
			}
			o[b][i] = o[b][i]&^mask[b][i] | k[b][i]&mask[b][i]
		}
	}
	o.SetUint(flow.FieldInPort, k.Uint(flow.FieldInPort))
	o.SetUint(flow.FieldRecircID, k.Uint(flow.FieldRecircID))
	o[flow.Base][flow.OffBlocks] = k[flow.Base][flow.OffBlocks]
	return o
}

// twin returns random ports, rules and addresses.
func (g *generator) twin() *twin {
	tw := &twin{known: make(map[fdb.Key]uint32)}
	tw.ports = trunks(1, 2, 3, 4, 5)
	tw.ports[1].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 5}
	tw.ports[2].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 7}
	tw.ports[3].VLAN = rules.VLAN{Trunks: []uint16{5, 0}}
	if g.IntN(2) == 0 {
		for i := range tw.ports {
			g.port(&tw.ports[i])
		}
		tw.flood = pick(g, nil, nil, []uint16{5}, []uint16{0, 7})
	}
	for range g.IntN(4) {
		mac := [6]byte{2, 0, 0, 0, 0, byte(1 + g.IntN(3))}
		tw.known[fdb.MakeKey(pick[uint16](g, 0, 5, 7), mac)] = uint32(101 + g.IntN(5))
	}
	for id := range uint32(3) {
		tw.groups = append(tw.groups, g.group(id))
	}
	for i := range tw.ports {
		tw.ports[i].Up = g.IntN(3) > 0
	}
	for i := range 3 + g.IntN(12) {
		tw.flows = append(tw.flows, g.flow(uint16(i)))
	}
	return tw
}

// port gives a port random settings.
func (g *generator) port(p *rules.Port) {
	p.Flags = pick(g, 0, 0, 0, 0, 0, rules.NoFlood, rules.NoForward, rules.NoReceive, rules.PortDown)
	p.Protected = g.IntN(3) == 0
	p.VLAN = rules.VLAN{Mode: rules.VLANMode(g.IntN(5)), Tag: pick[uint16](g, 5, 7), PriorityTags: rules.PriorityTags(g.IntN(3))}
	p.VLAN.Trunks = pick(g, nil, nil, []uint16{5, 0}, []uint16{7})
	p.VLAN.CVLANs = pick(g, nil, nil, []uint16{5, 0}, []uint16{7})
	p.VLAN.QinQType = pick[uint16](g, 0, 0x88a8, 0x8100)
}

// flow returns a random rule; priorities differ, since OpenFlow leaves ties open.
func (g *generator) flow(priority uint16) Flow {
	f := Flow{Table: uint8(g.IntN(3)), Priority: priority}
	for range g.IntN(4) {
		field := pick(g, matchable...)
		if field.Info().Maskable && field.Info().Size <= 8 && g.IntN(3) == 0 {
			f.Match.SetUintMasked(field, g.value(field), g.Uint64()&field.Info().Max())
		} else {
			f.Match.SetUint(field, g.value(field))
		}
	}
	f.Actions = g.actions(2)
	if g.IntN(4) == 0 {
		f.Actions = append(f.Actions, g.instructions()...)
	}
	if f.Table < 2 && g.IntN(3) == 0 {
		f.Actions = append(f.Actions, &GotoTable{Table: 2})
	}
	return f
}

// instructions returns some of those that stand behind the other actions.
func (g *generator) instructions() []Action {
	var list []Action
	if g.IntN(4) == 0 {
		list = append(list, &ClearActions{})
	}
	var set []Action
	for range g.IntN(5) {
		if a := g.action(); setSlotOf(a) != slotNone {
			set = append(set, a)
		}
	}
	if len(set) > 0 {
		list = append(list, &WriteActions{Actions: set})
	}
	if g.IntN(3) == 0 {
		list = append(list, &WriteMetadata{Value: g.Uint64N(3), Mask: g.Uint64()})
	}
	return list
}

// group returns a random group, which may lead to those with lower numbers.
func (g *generator) group(id uint32) Group {
	n := Group{ID: id, Type: pick(g, GroupAll, GroupAll, GroupIndirect, GroupFastFailover)}
	for i := range 1 + g.IntN(3) {
		k := Bucket{ID: uint32(i), Weight: 1, WatchGroup: NoGroup}
		if n.Type == GroupFastFailover {
			k.WatchPort = 1 + g.Uint32N(5)
		}
		for range g.IntN(6) {
			if a := g.action(); setSlotOf(a) != slotNone {
				k.Actions = append(k.Actions, a)
			}
		}
		if id > 0 && g.IntN(4) == 0 {
			k.Actions = append(k.Actions, &GroupAction{ID: g.Uint32N(id)})
		}
		n.Buckets = append(n.Buckets, k)
		if n.Type == GroupIndirect {
			break
		}
	}
	return n
}

// actions returns a random list of actions with lists so deep in it.
func (g *generator) actions(deep int) (list []Action) {
	for range g.IntN(5) {
		if deep > 0 && g.IntN(12) == 0 {
			list = append(list, &Clone{Actions: g.actions(deep - 1)})
			continue
		}
		if g.IntN(12) == 0 {
			list = append(list, &GroupAction{ID: g.Uint32N(3)})
		}
		list = append(list, g.action())
	}
	return list
}

func (g *generator) action() Action {
	switch g.IntN(24) {
	case 20:
		return pick[Action](g, &OutputField{whole(flow.FieldReg0)}, &OutputField{whole(flow.FieldTCPDst)}, &OutputTrunc{Port: 2, MaxLen: 64})
	case 21:
		return &Push{whole(pick(g, flow.FieldInPort, flow.FieldIPSrc, flow.FieldEthSrc, flow.FieldReg0, flow.FieldReg0+5))}
	case 22, 23:
		return &Pop{whole(pick(g, flow.FieldInPort, flow.FieldIPDst, flow.FieldEthDst, flow.FieldReg0, flow.FieldReg0+5))}
	case 0, 1, 2:
		return &Output{Port: pick[uint32](g, 1, 2, 3, 5, 9, PortInPort, PortAll, PortFlood)}
	case 3, 4:
		return &Output{Port: PortNormal}
	case 5:
		return &PushVLAN{TPID: pick[uint16](g, 0x8100, 0x88a8)}
	case 6:
		return &PopVLAN{}
	case 7:
		return &DecTTL{}
	case 8:
		return &Resubmit{Port: pick[uint32](g, PortInPort, 2, 9), Table: pick[uint8](g, 0, 1, 2, 2, NoTable)}
	case 9:
		return pick(g, &Move{whole(flow.FieldEthSrc), whole(flow.FieldEthDst)}, &Move{whole(flow.FieldIPSrc), whole(flow.FieldIPDst)},
			&Move{whole(flow.FieldIPSrc), whole(flow.FieldReg0)}, &Move{whole(flow.FieldReg0), whole(flow.FieldIPDst)},
			&Move{whole(flow.FieldVLANTCI), whole(flow.FieldTCPDst)})
	case 11:
		return makeSet(flow.FieldDLVLAN, flow.UintValue(g.value(flow.FieldDLVLAN)), flow.UintValue(0xfff))
	case 12:
		return makeSet(flow.FieldVLANVID, flow.UintValue(0x1003), flow.UintValue(0x1003))
	case 13:
		return &PushVLAN{TPID: 0x8100}
	case 14:
		return &PopVLAN{}
	case 10:
		if g.IntN(5) == 0 {
			return &Exit{}
		}
		a := makeSet(flow.FieldTCPDst, flow.UintValue(g.value(flow.FieldTCPDst)), flow.UintValue(0xffff))
		a.Form = FormMod
		return a
	}
	f := pick(g, settable...)
	info := f.Info()
	if info.Size == 16 {
		return makeSet(f, flow.UintValue(g.value(f)), flow.UintValue(^uint64(0)))
	}
	mask := info.Max()
	if info.Maskable && g.IntN(3) == 0 {
		mask &= g.Uint64()
	}
	return makeSet(f, flow.UintValue(g.value(f)&mask), flow.UintValue(mask))
}

func whole(f flow.FieldID) flow.Subfield { return flow.Subfield{Field: f, Bits: f.Info().Bits} }

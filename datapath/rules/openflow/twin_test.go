package openflow

import (
	"reflect"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A twin does what a Table does in the plainest way: it goes through all rules, changes the packet
// itself at every action, and keeps no books about bits.
type twin struct {
	flows  []Flow
	groups []Group
	ports  []rules.Port
	known  map[fdb.Key]uint32
	flood  []uint16 // VLANs that flood
}

// A walk is one packet's way through a twin.
type walk struct {
	*twin
	p         wirePacket
	out       []sent
	table     uint8
	depth     int
	resubmits int
	failed    action.Reason // 0: not
	exit      bool
	stack     []uint64
	later     []Action // the action set
}

// send returns what goes out for a packet.
func (t *twin) send(k *flow.Key) []sent {
	w := walk{twin: t, p: newWirePacket(k)}
	in := w.byID(uint32(k.Uint(flow.FieldInPort)))
	if in.Flags&(rules.NoReceive|rules.PortDown) != 0 {
		return nil
	}
	w.p.key.SetUint(flow.FieldInPort, uint64(in.Number))
	w.p.key.SetUint(flow.FieldActsetOutput, PortUnset)
	w.run(w.find(0))
	w.run(&Flow{Actions: w.actionSet()})
	if w.failed != 0 {
		return nil
	}
	return w.out
}

// actionSet returns what of the action set is carried out: one action of each type by the order of
// ovs-actions(7), the last one written, and all that change fields.
func (w *walk) actionSet() []Action {
	var pop, push, ttl, queue, resubmit, output, group Action
	var changes []Action
	for _, a := range w.later {
		switch a.(type) {
		case *PopVLAN:
			pop = a
		case *PushVLAN:
			push = a
		case *DecTTL:
			ttl = a
		case *SetQueue:
			queue = a
		case *Resubmit:
			resubmit = a
		case *GroupAction:
			group = a
		case *Output:
			output = a
		default:
			changes = append(changes, a)
		}
	}
	w.later = nil
	if group != nil {
		output = nil
	}
	if output != nil || group != nil {
		resubmit = nil
	}
	var list []Action
	for _, a := range append([]Action{pop, push, ttl}, append(changes, queue, resubmit, output, group)...) {
		if a != nil {
			list = append(list, a)
		}
	}
	return list
}

func (t *twin) byID(id uint32) *rules.Port {
	for i := range t.ports {
		if t.ports[i].ID == id {
			return &t.ports[i]
		}
	}
	return nil
}

func (t *twin) byNumber(n uint64) *rules.Port {
	for i := range t.ports {
		if uint64(t.ports[i].Number) == n {
			return &t.ports[i]
		}
	}
	return nil
}

func (w *walk) find(table uint8) *Flow {
	var best *Flow
	seen := w.p.key
	if seen.Uint(flow.FieldIPFrag)&flow.FragAny != 0 {
		seen.SetUint(flow.FieldTCPSrc, 0)
		seen.SetUint(flow.FieldTCPDst, 0)
	}
	for i := range w.flows {
		f := &w.flows[i]
		if f.Table == table && (best == nil || f.Priority > best.Priority) && f.Match.Matches(&seen) {
			best = f
		}
	}
	return best
}

func (w *walk) run(f *Flow) {
	if f != nil {
		w.do(f.Actions)
	}
}

// copied does what a copy of the packet is for.
func (w *walk) copied(do func()) {
	p, stack, later := w.p, slices.Clone(w.stack), slices.Clone(w.later)
	do()
	w.p, w.stack, w.later = p, stack, later
}

func (w *walk) do(list []Action) {
	for _, a := range list {
		if w.failed != 0 || w.exit {
			return
		}
		switch a := a.(type) {
		case *Output:
			w.output(a.Port)
		case *SetField:
			w.set(a)
		case *Move:
			w.move(a)
		case *OutputField:
			if v := w.p.key.Uint(a.Src.Field); v <= 0xffff && canOutput(uint32(v)) {
				w.output(uint32(v))
			}
		case *OutputTrunc:
			w.output(a.Port)
		case *Push:
			w.stack = append(w.stack, w.p.key.Uint(a.Src.Field))
		case *Pop:
			if n := len(w.stack); n > 0 {
				v := w.stack[n-1]
				w.stack = w.stack[:n-1]
				w.set(makeLoad(a.Dst, v&(1<<a.Dst.Bits-1)))
			}
		case *ClearActions:
			w.later = nil
			w.p.key.SetUint(flow.FieldActsetOutput, PortUnset)
		case *WriteActions:
			for _, a := range a.Actions {
				w.later = append(w.later, a)
				if out, ok := a.(*Output); ok {
					w.p.key.SetUint(flow.FieldActsetOutput, uint64(out.Port))
				}
			}
		case *WriteMetadata:
			w.p.key.SetUint(flow.FieldMetadata, w.p.key.Uint(flow.FieldMetadata)&^a.Mask|a.Value&a.Mask)
		case *PushVLAN:
			w.p.push(makeTag(a.TPID, flow.VLANPresent))
		case *PopVLAN:
			if w.tagged() {
				w.p.pop()
			}
		case *DecTTL:
			if flow.NeedIP.Met(&w.p.key, nil) {
				ttl := w.p.key.Uint(flow.FieldIPTTL)
				if ttl <= 1 {
					return
				}
				w.p.key.SetUint(flow.FieldIPTTL, ttl-1)
			}
		case *Resubmit:
			table := a.Table
			if table == NoTable {
				table = w.table
			}
			port := w.p.key.Uint(flow.FieldInPort)
			if a.Port != PortInPort {
				w.p.key.SetUint(flow.FieldInPort, uint64(a.Port))
			}
			next := w.find(table)
			w.p.key.SetUint(flow.FieldInPort, port)
			w.enter(table, next)
		case *GotoTable:
			w.enter(a.Table, w.find(a.Table))
		case *GroupAction:
			w.group(a.ID)
		case *Clone:
			w.copied(func() {
				w.do(a.Actions)
				w.do(w.actionSet())
			})
		case *Exit:
			w.exit = true
		}
	}
}

// group does what a group says; the twin's have no hash to select by.
func (w *walk) group(id uint32) {
	i := slices.IndexFunc(w.groups, func(g Group) bool { return g.ID == id })
	switch {
	case w.depth >= 64:
		w.failed = action.TooDeep
		return
	case w.resubmits >= 4096:
		w.failed = action.TooManyResubmits
		return
	}
	w.resubmits++
	w.depth++
	for _, k := range w.groups[i].Buckets {
		if w.groups[i].Type == GroupFastFailover && !w.byNumber(uint64(k.WatchPort)).Up {
			continue
		}
		w.copied(func() {
			later := w.later
			w.later = k.Actions
			w.do(w.actionSet())
			w.later = later
		})
		w.exit = false
		if w.failed != 0 || w.groups[i].Type != GroupAll {
			break
		}
	}
	w.depth--
}

func (w *walk) enter(table uint8, f *Flow) {
	if w.depth >= 64 {
		w.failed = action.TooDeep
		return
	}
	if w.resubmits >= 4096 {
		w.failed = action.TooManyResubmits
		return
	}
	w.resubmits++
	was := w.table
	if table <= was {
		w.depth++
	}
	w.table = table
	w.run(f)
	w.table = was
	if table <= was {
		w.depth--
	}
}

func (w *walk) tagged() bool { return w.p.tag(0)&flow.VLANPresent != 0 }

func (w *walk) set(a *SetField) {
	f := a.Field
	tci := be16(a.Value[:])
	switch {
	case f == flow.FieldVLANVID || f == flow.FieldVLANPCP:
		if !w.tagged() {
			return
		}
		set := *a
		set.Mask[0] &^= 0x10
		w.p.set(f, set.Value[:2], set.Mask[:2])
		return
	case f == flow.FieldDLVLAN || f == flow.FieldDLVLANPCP:
		if !w.tagged() {
			w.p.push(makeTag(0x8100, tci|flow.VLANPresent))
			return
		}
	case f == flow.FieldVLANTCI:
		mask := be16(a.Mask[:])
		old := uint16(0)
		if w.tagged() {
			old = w.p.tag(0).tci()
		}
		next := old&^mask | tci
		switch is := next&flow.VLANPresent != 0; {
		case w.tagged() && is:
			w.p.set(f, a.Value[:2], a.Mask[:2])
		case w.tagged():
			w.p.pop()
		case is:
			w.p.push(makeTag(0x8100, tci))
		}
		return
	case a.Form == FormMod && (f == flow.FieldTCPSrc || f == flow.FieldTCPDst):
		switch w.p.key.Uint(flow.FieldIPProto) {
		case wire.ProtoUDP, wire.ProtoSCTP, wire.ProtoTCP:
			if flow.NeedIP.Met(&w.p.key, nil) && w.p.key.Uint(flow.FieldIPFrag)&flow.FragLater == 0 {
				w.p.set(f, a.Value[:2], a.Mask[:2])
			}
		}
		return
	}
	if f.Info().Need.Met(&w.p.key, nil) {
		n := f.Info().Size
		w.p.set(f, a.Value[:n], a.Mask[:n])
	}
}

func (w *walk) move(a *Move) {
	if !a.Src.Field.Info().Need.Met(&w.p.key, nil) || !a.Dst.Field.Info().Need.Met(&w.p.key, nil) {
		return
	}
	// Moves in these tests are of whole fields of up to 8 bytes.
	v := w.p.key.Uint(a.Src.Field)
	w.set(makeLoad(a.Dst, v))
}

func (w *walk) output(port uint32) {
	in := w.p.key.Uint(flow.FieldInPort)
	switch port {
	case PortNormal:
		w.normal()
		return
	case PortAll, PortFlood:
		for _, p := range w.ports {
			if uint64(p.Number) != in && (port == PortAll || p.Flags&rules.NoFlood == 0) {
				w.send1(&p)
			}
		}
		return
	case PortInPort:
		port = uint32(in)
	default:
		if uint64(port) == in {
			return
		}
	}
	if p := w.byNumber(uint64(port)); p != nil {
		w.send1(p)
	}
}

// send1 sends the packet to a port, if both ports' settings let it.
func (w *walk) send1(p *rules.Port) {
	in := w.byNumber(w.p.key.Uint(flow.FieldInPort))
	if p.Flags&(rules.NoForward|rules.PortDown) != 0 || in != nil && in.Protected && p.Protected {
		return
	}
	w.out = append(w.out, w.p.send(p.ID))
}

// TestTranslationAgreesWithANaiveTwin: for random rules and packets, running the verdict's program
// sends what the twin sends, for the packet looked up and for every packet that the mask makes equal.
func TestTranslationAgreesWithANaiveTwin(t *testing.T) {
	tables := 300
	if testing.Short() {
		tables = 20
	}
	outputs := 0
	for seed := range tables {
		g := newGenerator(uint64(seed))
		tw := g.twin()
		tb, _ := newTable(t, Options{FloodVLANs: tw.flood}, tw.ports, "")
		if err := tb.AddGroups(tw.groups); err != nil {
			t.Fatal(err)
		}
		if err := tb.AddFlows(tw.flows); err != nil {
			t.Fatal(err)
		}
		for key, port := range tw.known {
			tb.fdb.Learn(key, port, 1)
		}
		for range 40 {
			k := g.key()
			v := lookQuery(t, tb, &rules.Query{Key: &k})
			outputs += compare(t, tw, v, &k, seed)
			for range 10 {
				other := g.twist(&k, &v.Mask)
				compare(t, tw, v, &other, seed)
				v2 := lookQuery(t, tb, &rules.Query{Key: &other, Have: &v.Mask})
				if !v.Mask.Covers(&v2.Mask) {
					t.Fatalf("seed %d: a packet equal under the mask has consulted more", seed)
				}
				if v2.Mask = v.Mask; !reflect.DeepEqual(v, v2) {
					t.Fatalf("seed %d: a packet equal under the mask has another verdict\ngot  %s\nwant %s", seed, program(v2), program(v))
				}
			}
			if t.Failed() {
				return
			}
		}
	}
	if outputs < tables {
		t.Errorf("random rules sent %d packets from %d tables: the test tests nothing", outputs, tables)
	}
}

// compare holds what a program sends against what the twin sends and returns how many packets.
func compare(t *testing.T, tw *twin, v *rules.Verdict, k *flow.Key, seed int) int {
	t.Helper()
	got, _ := execute(v.Actions.Words(), k)
	want := tw.send(k)
	if len(got) == 0 && len(want) == 0 {
		return 0
	}
	if !reflect.DeepEqual(got, want) {
		m := flow.Match{Key: *k, Mask: v.Mask}
		m.Apply()
		for i := range tw.groups {
			t.Log(tw.groups[i].String())
		}
		for i := range tw.flows {
			t.Log(tw.flows[i].String())
		}
		t.Errorf("seed %d: packet %x\nmegaflow %s\nprogram %s\ngot  %v\nwant %v", seed, *k, m.String(), program(v), got, want)
	}
	return len(got)
}

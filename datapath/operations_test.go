package datapath_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/meter"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/memport"
)

// always is a table that gives every packet one program.
func always(t *testing.T, write func(p *action.Program)) *script {
	return newScript(t, 1, func(_ *rules.Query, v *rules.Verdict) error {
		write(&v.Actions)
		return nil
	})
}

// program returns a program of its own, for clones.
func program(write func(p *action.Program)) *action.Program {
	p := new(action.Program)
	write(p)
	return p
}

func TestOperationsDoWhatTheyAreFor(t *testing.T) {
	plain := udp(t, 1, 2, 7, 50)
	tagged := slices.Concat(plain[:12], []byte{0x81, 0, 0, 5}, plain[12:])
	lldp := slices.Concat(plain[:12], []byte{0x88, 0xcc}, make([]byte, 20))
	const entry = 100<<12 | 1<<8 | 64
	label := binary.BigEndian.AppendUint32([]byte{0x88, 0x47}, entry)
	pushed := func(pkt []byte, at int) []byte { return slices.Concat(pkt[:at-2], label, pkt[at:]) }
	push := func(p *action.Program) { p.PushMPLS(0x8847, entry) }
	labelled := pushed(plain, 14)
	for _, tc := range []struct {
		name  string
		write func(p *action.Program)
		in    []byte
		out   [][]byte
	}{
		{"trunc cuts the packet itself", func(p *action.Program) { p.Trunc(20); p.Output(2) }, plain, [][]byte{plain[:20]}},
		{"trunc is for the next output alone", func(p *action.Program) { p.Trunc(20); p.Output(2); p.Output(2) }, plain, [][]byte{plain[:20], plain}},
		{"what has no more bytes stays whole", func(p *action.Program) { p.Trunc(92); p.Output(2); p.Trunc(92); p.Output(2) }, plain, [][]byte{plain, plain}},
		{"a label goes behind the Ethernet header", func(p *action.Program) { push(p); p.Output(2) }, plain, [][]byte{labelled}},
		{"and behind the tag", func(p *action.Program) { push(p); p.Output(2) }, tagged, [][]byte{pushed(tagged, 18)}},
		{"whatever the packet carries", func(p *action.Program) { push(p); p.Output(2) }, lldp, [][]byte{pushed(lldp, 14)}},
		{"two labels, one popped", func(p *action.Program) { push(p); push(p); p.Output(2); p.PopMPLS(0x8847); p.Output(2) },
			plain, [][]byte{pushed(labelled, 14), labelled}},
		{"pop gives the packet its type", func(p *action.Program) { p.PopMPLS(0x0800); p.Output(2) }, labelled, [][]byte{plain}},
		{"pop leaves a packet without labels alone", func(p *action.Program) { p.PopMPLS(0x0800); p.Output(2) }, tagged, [][]byte{tagged}},
		{"a tag in front of a label", func(p *action.Program) {
			push(p)
			p.PushVLAN(0x8100, 5)
			push(p)
			p.PopMPLS(0x8847)
			p.PopMPLS(0x0800)
			p.Output(2)
		},
			plain, [][]byte{tagged}},
		{"the outer label is set", func(p *action.Program) {
			push(p)
			push(p)
			p.Set(flow.FieldMPLSTTL, []byte{0, 0, 0, 9}, []byte{0, 0, 0, 255})
			p.Output(2)
		}, plain, [][]byte{slices.Concat(labelled[:14], []byte{0, 6, 0x41, 9}, label[2:], plain[14:])}},
		{"what is behind a label is not changed", func(p *action.Program) {
			push(p)
			p.Set(flow.FieldIPTTL, []byte{9}, []byte{255})
			p.Set(flow.FieldUDPSrc, []byte{9, 9}, []byte{255, 255})
			p.Output(2)
		}, plain, [][]byte{labelled}},
		{"a clone's changes stay its own", func(p *action.Program) {
			p.Clone(program(func(p *action.Program) { p.PushVLAN(0x8100, 5); p.Output(2) }))
			p.Output(2)
		}, plain, [][]byte{tagged, plain}},
		{"also those of the last operation", func(p *action.Program) {
			p.Output(2)
			p.Clone(program(func(p *action.Program) { p.PushVLAN(0x8100, 5); p.Output(2) }))
		}, plain, [][]byte{plain, tagged}},
		{"a clone that drops leaves the packet", func(p *action.Program) {
			p.Clone(program(func(p *action.Program) { p.Drop(action.ByRule) }))
			p.Output(2)
		}, plain, [][]byte{plain}},
		{"trunc ends with its clone", func(p *action.Program) {
			p.Clone(program(func(p *action.Program) { p.Trunc(20) }))
			p.Output(2)
			p.Trunc(30)
			p.Clone(program(func(p *action.Program) { p.Output(2) }))
		}, plain, [][]byte{plain, plain}},
		{"clones in clones", func(p *action.Program) {
			p.Clone(program(func(p *action.Program) {
				p.Clone(program(func(p *action.Program) { push(p); p.Output(2) }))
				p.PushVLAN(0x8100, 5)
				p.Output(2)
			}))
			p.Output(2)
		}, plain, [][]byte{labelled, tagged, plain}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t, datapath.Options{}, always(t, tc.write), "a", "b")
			for range 2 { // by the slow path, then by the caches
				l.send("a", tc.in)
				for i, got := range l.receive("b", len(tc.out)) {
					if !bytes.Equal(got, tc.out[i]) {
						t.Errorf("packet %d:\n got % x\nwant % x", i, got, tc.out[i])
					}
				}
			}
		})
	}
}

func TestJumboFramesAreCutAndClonedWhole(t *testing.T) {
	table := always(t, func(p *action.Program) {
		p.Trunc(3000)
		p.Output(2)
		p.Clone(program(func(p *action.Program) { p.PushMPLS(0x8847, 1<<8); p.Trunc(1700); p.Output(2) }))
		p.Trunc(1664) // what the first buffer has
		p.Output(2)
	})
	l := newLab(t, datapath.Options{}, table)
	l.add("a", memport.Options{MTU: 9000})
	l.add("b", memport.Options{MTU: 9000})
	p := udp(t, 1, 2, 7, 8000)
	for i := range p[42:] {
		p[42+i] = byte(i ^ i>>8)
	}
	labelled := slices.Concat(p[:12], []byte{0x88, 0x47, 0, 0, 1, 0}, p[14:])
	for range 100 { // more than the arena takes, should buffers stay away
		l.send("a", p)
		got := l.receive("b", 3)
		for i, want := range [][]byte{p[:3000], labelled[:1700], p[:1664]} {
			if !bytes.Equal(got[i], want) {
				t.Fatalf("packet %d: %d bytes, want the first %d", i, len(got[i]), len(want))
			}
		}
	}
}

func TestTheHashChoosesByFlowOnTheSecondLookup(t *testing.T) {
	const id = flow.RecircHashed | 5
	table := newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
		if q.Key.Uint(flow.FieldRecircID) == 0 {
			v.Actions.Hash(action.HashSymL4, 9)
			v.Actions.Recirc(id)
			return nil
		}
		v.Mask.SetBits(flow.FieldDPHash, 1)
		v.Actions.Output(2 + uint32(q.Key.Uint(flow.FieldDPHash)&1))
		return nil
	})
	l := newLab(t, datapath.Options{}, table, "a", "b", "c")
	want := make(map[string][][]byte)
	byPort := func(a, b []byte) int { return bytes.Compare(a[34:36], b[34:36]) } // flows may overtake each other
	for i := range uint16(200) {
		p := udp(t, 1, 2, i, 20)
		to := [2]string{"b", "c"}[action.Hash(action.HashSymL4, 9, p, 14, 34)&1]
		want[to] = append(want[to], p)
		l.send("a", p)
	}
	for _, port := range []string{"b", "c"} {
		got := l.receive(port, len(want[port]))
		slices.SortFunc(got, byPort)
		for i := range got {
			if !bytes.Equal(got[i], want[port][i]) {
				t.Fatalf("port %s: packet %d is another one's", port, i)
			}
		}
		if len(got) < 60 {
			t.Errorf("port %s has %d of 200 flows", port, len(got))
		}
	}
	if n := table.asked(); n > 3+40 {
		t.Errorf("the table was asked %d times: two buckets make three flows", n)
	}
}

func TestLargerPacketsGoAnotherWay(t *testing.T) {
	table := newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
		if q.Key.Uint(flow.FieldRecircID) == 0 {
			v.Actions.Hash(action.HashL4, 0)
			v.Actions.Larger(100)
			v.Actions.Recirc(flow.RecircHashed | 1)
			return nil
		}
		v.Mask.SetExact(flow.FieldDPHash)
		v.Actions.Output(2 + uint32(q.Key.Uint(flow.FieldDPHash)))
		return nil
	})
	l := newLab(t, datapath.Options{}, table, "a", "b", "c")
	for range 3 {
		l.send("a", udp(t, 1, 2, 7, 58), udp(t, 1, 2, 7, 59))
		if got := l.receive("b", 1)[0]; len(got) != 100 {
			t.Errorf("%d bytes went the way of those that are not larger than 100", len(got))
		}
		if got := l.receive("c", 1)[0]; len(got) != 101 {
			t.Errorf("%d bytes went the way of those larger than 100", len(got))
		}
	}
}

func TestWhatAClonesRecirculationSendsLeavesFirst(t *testing.T) {
	// Clones go round under ids 1 and 2, and clones of them under 3; everything leaves by port 2, in the
	// order in which the programs say it, packet by packet.
	table := newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
		to := func(tag uint16) func(p *action.Program) {
			return func(p *action.Program) { p.PushVLAN(0x8100, tag); p.Output(2); p.PopVLAN() }
		}
		again := func(id uint32) {
			v.Actions.Clone(program(func(p *action.Program) { p.Recirc(id) }))
		}
		switch q.Key.Uint(flow.FieldRecircID) {
		case 0:
			again(1)
			to(10)(&v.Actions)
			again(2)
			to(20)(&v.Actions)
			v.Actions.Recirc(4)
		case 1:
			to(1)(&v.Actions)
			again(3)
			to(11)(&v.Actions)
		case 2:
			to(2)(&v.Actions)
		case 3:
			to(3)(&v.Actions)
		case 4:
			to(4)(&v.Actions)
		}
		return nil
	})
	l := newLab(t, datapath.Options{}, table, "a", "b")
	p := udp(t, 1, 2, 7, 20)
	tags := func() (tags []uint16) {
		for _, got := range l.receive("b", 7) {
			tags = append(tags, binary.BigEndian.Uint16(got[14:])&0xfff)
		}
		return tags
	}
	for range 5 { // until all look-ups are cached
		l.send("a", p)
		tags()
	}
	l.send("a", p)
	if got, want := tags(), []uint16{1, 3, 11, 10, 2, 20, 4}; !slices.Equal(got, want) {
		t.Errorf("packets left in the order %v, want %v", got, want)
	}
}

func TestClonesAreBounded(t *testing.T) {
	t.Run("in depth", func(t *testing.T) {
		nested := program(func(p *action.Program) { p.Output(2) })
		for range 9 {
			inner := nested
			nested = program(func(p *action.Program) { p.Clone(inner); p.Output(2) })
		}
		l := newLab(t, datapath.Options{}, always(t, func(p *action.Program) { p.Clone(nested); p.Output(2) }), "a", "b")
		l.send("a", udp(t, 1, 2, 7, 20))
		l.receive("b", 9)
		l.waitFor("clone_depth", drops, 1)
	})
	t.Run("in number", func(t *testing.T) {
		// Each packet would become 4^8.
		table := newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
			id := uint32(q.Key.Uint(flow.FieldRecircID))
			for range 4 {
				v.Actions.Clone(program(func(p *action.Program) { p.Recirc(id + 1) }))
			}
			v.Actions.Drop(action.ByRule)
			return nil
		})
		l := newLab(t, datapath.Options{}, table, "a")
		waitUntil(t, "clones are refused", func() bool { // once all eight look-ups are cached
			l.send("a", udp(t, 1, 2, 7, 20))
			return value(drops(l.sw.Stats()), "too_many_clones") > 0
		})
	})
}

// metered is a table that wants meters.
type metered struct {
	*script
	meters *meter.Store
}

func (m *metered) SetMeters(s *meter.Store) { m.meters = s }

func TestMetersDropWhatExceedsThem(t *testing.T) {
	table := &metered{script: newScript(t, 1, nil)}
	l := newLab(t, datapath.Options{}, table, "a", "b")
	if table.meters == nil {
		t.Fatal("the table was not lent the meters")
	}
	slot, err := table.meters.Add(meter.Meter{Packets: true, Bands: []meter.Band{{Rate: 1, Burst: 10}}})
	if err != nil {
		t.Fatal(err)
	}
	table.change(rules.ChangeSet{All: true}, func(_ *rules.Query, v *rules.Verdict) error {
		v.Actions.Meter(slot)
		v.Actions.Output(2)
		return nil
	})
	l.sw.Sync()
	p := udp(t, 1, 2, 7, 20)
	for range 100 {
		l.send("a", p)
	}
	var st meter.Stats
	waitUntil(t, "all packets come to the meter", func() bool { table.meters.Stats(slot, &st); return st.Packets == 100 })
	passed := 100 - int(st.Bands[0].Packets)
	if passed < 10 || passed > 16 {
		t.Errorf("%d packets passed, want a burst of 10 and one a second", passed)
	}
	if st.Bytes != 100*uint64(len(p)) || st.Bands[0].Bytes != st.Bands[0].Packets*uint64(len(p)) {
		t.Errorf("counted %+v for packets of %d bytes", st, len(p))
	}
	l.receive("b", passed)
	l.waitFor("meter", drops, st.Bands[0].Packets)
	l.setTable(t, newScript(t, 2, toPort(2)))
	if table.meters != nil {
		t.Error("a table that has gone keeps the meters")
	}
}

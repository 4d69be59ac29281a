package datapath

import (
	"bytes"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// rewrite sends everything to port 2 from another source.
type rewrite struct{ byPort }

func (t *rewrite) Lookup(_ *rules.Query, v *rules.Verdict) error {
	value, mask := []byte{10, 0, 0, 254}, []byte{255, 255, 255, 255}
	v.Actions.Set(flow.FieldIPSrc, value, mask)
	v.Actions.Output(2)
	return nil
}

// bothEnds makes a TCP packet have what belongs to one end of it.
func bothEnds(h *layers.TCP) { h.FIN, h.PSH, h.CWR = true, true, true }

// unfinish returns the packet of tcpPacket as a sender with offloads leaves it, and what it says of it.
func unfinish(p []byte, v6, tagged bool, segment int) ([]byte, frame.Offload) {
	b := bytes.Clone(p)
	l3, l4 := offsets(v6, tagged)
	wire.SeedChecksum(b, l3, l4)
	o := frame.Offload{Csum: frame.NeedsCsum, CsumStart: uint16(l4), CsumOffset: wire.TCPChecksum}
	if segment > 0 {
		o.GSO, o.GSOSize, o.HeaderLen = frame.GSOTCPv4, uint16(segment), uint16(l4+int(b[l4+wire.TCPDataOff]>>4)*4)
		if v6 {
			o.GSO = frame.GSOTCPv6
		}
	}
	return b, o
}

// passUnfinished sends one packet from port 1 that says what it lacks and returns what left port 2.
func (r *rig) passUnfinished(packet []byte, o frame.Offload) [][]byte {
	r.tb.Helper()
	f, ok := r.gen.FromBytes(packet)
	if !ok {
		r.tb.Fatal("arena exhausted")
	}
	f.SetFlags(frame.HasOffload)
	r.gen.Pool().Meta(f).Offload = o
	r.out.keep, r.out.got, r.out.offloads = true, nil, nil
	r.batch.Append(f)
	r.w.Process(1, &r.batch)
	r.w.Flush(r.now)
	for r.w.waiting.Len() > 0 {
		r.w.Flush(r.now)
	}
	return r.out.got
}

// taker makes port 2 take what v says.
func (r *rig) taker(v pmd.Take) {
	takes := new(pmd.Takes)
	takes.Set(v)
	r.w.port(2).takes = takes
}

func TestAPacketThatIsNotFinishedGoesAsItIsToAPortThatTakesIt(t *testing.T) {
	for _, c := range []struct {
		name    string
		v6      bool
		size    int
		segment int
		takes   pmd.Take
	}{
		{"a checksum", false, 1000, 0, pmd.TakeCsum},
		{"a checksum over IPv6", true, 1000, 0, pmd.TakeCsum},
		{"a segment", false, 30000, 1400, pmd.TakeCsum | pmd.TakeTSO4},
		{"a segment over IPv6", true, 30000, 1400, pmd.TakeCsum | pmd.TakeTSO6},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, &byPort{}, 1)
			whole := tcpPacket(t, c.v6, true, c.size, bothEnds)
			sent, o := unfinish(whole, c.v6, true, c.segment)
			r.taker(c.takes)
			if got := r.passUnfinished(sent, o); len(got) != 1 || !bytes.Equal(got[0], sent) {
				t.Fatalf("%d packets left, want the one that came, as it was", len(got))
			}
			if got := r.out.offloads; len(got) != 1 || got[0] != o {
				t.Errorf("it says %+v, want %+v", got, o)
			}
			r.taker(0) // whoever is at the other end has changed
			got := r.passUnfinished(sent, o)
			if r.out.offloads != nil {
				t.Error("what left is not finished, to a port that takes nothing else")
			}
			l3, l4 := offsets(c.v6, true)
			if c.segment > 0 {
				checkParts(t, got, whole[len(whole)-c.size:], l3, l4)
				for _, p := range got[:len(got)-1] {
					if n := len(p) - int(o.HeaderLen); n != c.segment {
						t.Errorf("a part has %d bytes of payload, want %d", n, c.segment)
					}
				}
			} else if len(got) != 1 || !bytes.Equal(got[0], whole) {
				t.Errorf("%d packets left, want the one that came, with its checksum", len(got))
			}
		})
	}
}

func TestASegmentWhosePartsAreTooLongForThePortIsCutHere(t *testing.T) {
	r := newRig(t, &byPort{}, 1)
	r.taker(pmd.TakeCsum | pmd.TakeTSO4)
	whole := tcpPacket(t, false, false, 30000, bothEnds)
	sent, o := unfinish(whole, false, false, 8900)
	l3, l4 := offsets(false, false)
	checkParts(t, r.passUnfinished(sent, o), whole[len(whole)-30000:], l3, l4)
}

func TestSettersLeaveAnUnfinishedChecksumUnfinished(t *testing.T) {
	whole := tcpPacket(t, false, false, 700, nil)
	want := bytes.Clone(whole)
	l3, l4 := offsets(false, false)
	wire.SetIPv4Addr(want, l3, l4, wire.IPv4Src, 0x0a0000fe)
	sent, o := unfinish(whole, false, false, 0)
	for name, takes := range map[string]pmd.Take{"to a port that takes it": pmd.TakeCsum, "to one that does not": 0} {
		r := newRig(t, &rewrite{}, 1)
		r.taker(takes)
		expect := want
		if takes != 0 {
			expect = bytes.Clone(want)
			wire.SeedChecksum(expect, l3, l4)
		}
		if got := r.passUnfinished(sent, o); len(got) != 1 || !bytes.Equal(got[0], expect) {
			t.Errorf("%s: %d packets left, or not with the checksum they should have", name, len(got))
		}
	}
}

func TestWhatCannotBeFinishedIsDroppedByName(t *testing.T) {
	tcp := tcpPacket(t, false, false, 20000, nil)
	for _, c := range []struct {
		name string
		o    frame.Offload
	}{
		{"bad_offload", frame.Offload{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 65000}},
		{"bad_offload", frame.Offload{Csum: frame.NeedsCsum, CsumStart: 2000, CsumOffset: 16}}, // behind the first buffer
		{"cannot_segment", frame.Offload{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 6, GSO: frame.GSOUDP, GSOSize: 1400}},
	} {
		packet := tcp
		if c.o.GSO != frame.GSONone {
			packet = bytes.Clone(tcp)
			packet[wire.EthernetSize+wire.IPv4Protocol] = wire.ProtoUDP
		}
		r := newRig(t, &byPort{}, 1)
		if got := r.passUnfinished(packet, c.o); len(got) != 0 {
			t.Errorf("%s: %d packets left, want none", c.name, len(got))
		}
		r.w.count.publish()
		if got := sampleOf(r.w.count.drops, c.name); got != 1 {
			t.Errorf("%s counted %d packets, want 1", c.name, got)
		}
	}
}

func TestTheRuleTableSeesFinishedPackets(t *testing.T) {
	r := newRig(t, &byPort{}, 1)
	whole := tcpPacket(t, false, false, 3000, nil)
	sent, o := unfinish(whole, false, false, 0)
	for _, size := range []int{60, 5000} {
		f, ok := r.gen.FromBytes(sent)
		if !ok {
			t.Fatal("arena exhausted")
		}
		f.SetFlags(frame.HasOffload)
		r.gen.Pool().Meta(f).Offload = o
		dup, ok := r.w.copyFinished(f, size)
		if want := whole[:min(size, len(whole))]; !ok || !bytes.Equal(r.gen.Pool().AppendTo(nil, dup), want) {
			t.Errorf("a copy of %d bytes is not what a wire would have had", size)
		}
		if got := r.gen.Pool().AppendTo(nil, f); !bytes.Equal(got, sent) {
			t.Error("the packet itself was changed")
		}
		r.gen.Put(f)
		r.gen.Put(dup)
	}
}

func TestALengthIsComparedWithWhatTheWireWillCarry(t *testing.T) {
	r := newRig(t, &byPort{}, 1)
	sent, o := unfinish(tcpPacket(t, true, false, 20000, nil), true, false, 1000)
	f, ok := r.gen.FromBytes(sent)
	if !ok {
		t.Fatal("arena exhausted")
	}
	defer r.gen.Put(f)
	if got := r.w.wireSize(f); got != len(sent) {
		t.Errorf("%d bytes, want all %d of a packet that nobody cuts", got, len(sent))
	}
	f.SetFlags(frame.HasOffload)
	r.gen.Pool().Meta(f).Offload = o
	if got, want := r.w.wireSize(f), int(o.HeaderLen)+1000; got != want {
		t.Errorf("%d bytes, want the %d of a part", got, want)
	}
}

func TestFinishingAllocatesNothing(t *testing.T) {
	for name, segment := range map[string]int{"a checksum": 0, "a segment": 1400} {
		r := newRig(t, &byPort{}, 1)
		size := 1000
		if segment > 0 {
			size = 30000
		}
		sent, o := unfinish(tcpPacket(t, false, false, size, bothEnds), false, false, segment)
		r.passUnfinished(sent, o)
		r.out.keep = false
		if n := testing.AllocsPerRun(50, func() {
			f, _ := r.gen.FromBytes(sent)
			f.SetFlags(frame.HasOffload)
			r.gen.Pool().Meta(f).Offload = o
			r.batch.Append(f)
			r.w.Process(1, &r.batch)
			r.w.Flush(r.now)
		}); n != 0 {
			t.Errorf("%s makes %v allocations, want none", name, n)
		}
	}
}

// sampleOf returns the published value of a counter by its name.
func sampleOf(b *counter.Block, name string) uint64 {
	for _, s := range b.Samples(nil) {
		if s.Name == name {
			return s.Value
		}
	}
	return 0
}

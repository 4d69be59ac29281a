package encap

import (
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

// fragmentBytes returns a fragment with an identification, from a source.
func fragmentBytes(v6 bool, id uint32, source byte, p scriptPart, tos uint8) []byte {
	be := binary.BigEndian
	b := make([]byte, 12, 14+48+p.n)
	if v6 {
		b = be.AppendUint16(b, wire.TypeIPv6)
		b = be.AppendUint32(b, 6<<28|uint32(tos)<<20)
		b = be.AppendUint16(b, uint16(8+p.n))
		b = append(b, wire.ProtoFragment, 64)
		b = append(append(b, addr6a.AsSlice()...), addr6b.AsSlice()...)
		b[14+8+15] = source
		place := uint16(p.at)
		if p.more {
			place |= 1
		}
		b = append(b, wire.ProtoUDP, 0)
		b = be.AppendUint16(b, place)
		b = be.AppendUint32(b, id)
	} else {
		b = be.AppendUint16(b, wire.TypeIPv4)
		place := uint16(p.at / 8)
		if p.more {
			place |= wire.IPv4MoreFragments
		}
		h := []byte{0x45, tos, 0, 0, 0, 0, 0, 0, 64, wire.ProtoUDP, 0, 0, 192, 0, 2, source, 192, 0, 2, 200}
		be.PutUint16(h[wire.IPv4Length:], uint16(20+p.n))
		be.PutUint16(h[wire.IPv4ID:], uint16(id))
		be.PutUint16(h[wire.IPv4Fragment:], place)
		be.PutUint16(h[wire.IPv4Checksum:], wire.Checksum(h))
		b = append(b, h...)
	}
	return append(b, make([]byte, p.n)...)
}

func TestASourceLosesItsOwnOldestPacketOnly(t *testing.T) {
	l := newLab(t)
	r := NewReassembler(l.c, 500)
	defer r.Close()
	half := scriptPart{0, 1000, true}
	r.Add(l.frame(fragmentBytes(false, 1, 1, half, 0)), 1)
	for id := range uint32(perSource + 3) {
		r.Add(l.frame(fragmentBytes(false, id, 2, half, 0)), int64(2+id))
	}
	if r.Len() != perSource+1 || r.Drops(FragmentCrowd) != 3 {
		t.Errorf("%d packets in the making, %d dropped", r.Len(), r.Drops(FragmentCrowd))
	}
	if f, ok := r.Add(l.frame(fragmentBytes(false, 1, 1, scriptPart{1000, 1000, false}, 0)), 100); !ok {
		t.Error("the other source's packet is lost")
	} else {
		l.c.Put(f)
	}
	if f, ok := r.Add(l.frame(fragmentBytes(false, 0, 2, scriptPart{1000, 1000, false}, 0)), 100); ok {
		t.Error("the oldest packet is still there")
		l.c.Put(f)
	}
}

func TestASourceLeavesOthersHalfOfTheBuffers(t *testing.T) {
	l := newLab(t)
	r := NewReassembler(l.c, 200)
	defer r.Close()
	now := int64(1)
	flood := func(n int) {
		for range n {
			now++
			r.Add(l.frame(fragmentBytes(false, uint32(now/20), 2, scriptPart{int(now%20) * 400, 400, true}, 0)), now)
		}
	}
	flood(300)
	for id := range uint32(8) {
		for _, at := range []int{0, 1000} {
			r.Add(l.frame(fragmentBytes(false, id, 1, scriptPart{at, 1000, true}, 0)), now)
		}
		flood(20)
	}
	flood(300)
	for id := range uint32(8) {
		if f, ok := r.Add(l.frame(fragmentBytes(false, id, 1, scriptPart{2000, 1000, false}, 0)), now); !ok {
			t.Errorf("packet %d of the other source is lost", id)
		} else {
			l.c.Put(f)
		}
	}
}

func TestAFullReassemblerLosesTheOldestPacket(t *testing.T) {
	l := newLab(t)
	r := NewReassembler(l.c, 500)
	defer r.Close()
	for i := range datagrams + 5 {
		r.Add(l.frame(fragmentBytes(true, uint32(i), byte(i/perSource), scriptPart{0, 1000, true}, 0)), int64(i+1))
	}
	if r.Len() != datagrams || r.Drops(FragmentCrowd) != 5 {
		t.Errorf("%d packets in the making, %d dropped", r.Len(), r.Drops(FragmentCrowd))
	}
}

func TestBuffersHeldHaveABound(t *testing.T) {
	l := newLab(t)
	r := NewReassembler(l.c, 64)
	defer r.Close()
	for i := range 100 {
		r.Add(l.frame(fragmentBytes(true, uint32(i), byte(i/10), scriptPart{0, 4000, true}, 0)), int64(i+1))
		if r.held > 64 {
			t.Fatalf("%d buffers are held", r.held)
		}
	}
	if r.Drops(FragmentCrowd) == 0 {
		t.Error("nothing was dropped")
	}
	// One packet alone may not have more either.
	before, n := r.Drops(FragmentCrowd), l.pool.Room()&^7 // bytes of payload: with headers two buffers have it
	for i := range 0xffff / n {
		r.Add(l.frame(fragmentBytes(true, 1000, 99, scriptPart{i * n, n, true}, 0)), 1000)
		if r.held > 64 {
			t.Fatalf("%d buffers are held", r.held)
		}
	}
	if dropped := r.Drops(FragmentCrowd) - before; dropped < uint64(0xffff/n) || r.held != 0 || r.Drops(BadFragment) != 0 {
		t.Errorf("%d fragments found no room, %d are said to be wrong, %d buffers are held", dropped, r.Drops(BadFragment), r.held)
	}
}

func TestFragmentsDoNotWaitForEver(t *testing.T) {
	l := newLab(t)
	r := NewReassembler(l.c, 64)
	half := scriptPart{0, 1000, true}
	r.Add(l.frame(fragmentBytes(false, 1, 1, half, 0)), 5)
	r.Add(l.frame(fragmentBytes(false, 2, 1, half, 0)), 10)
	r.Expire(4 + lifetime)
	if r.Len() != 2 {
		t.Errorf("%d packets before their time is over, want 2", r.Len())
	}
	r.Expire(5 + lifetime)
	if r.Len() != 1 || r.Drops(FragmentLate) != 1 {
		t.Errorf("%d packets, %d late", r.Len(), r.Drops(FragmentLate))
	}
	r.Expire(10 + lifetime)
	if r.Len() != 0 || r.Drops(FragmentLate) != 2 || r.held != 0 {
		t.Errorf("%d packets, %d late, %d buffers", r.Len(), r.Drops(FragmentLate), r.held)
	}
}

package encap

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// slowPush is what Push makes of packets, taken one by one, every field from the packet as it then is. hash is the twin of
// what spreads packets over source ports; id and seq are the numbers that the packet gets.
func slowPush(o *Outer, words []uint64, inner []byte, id uint16, seq uint32) []byte {
	be := binary.BigEndian
	d := descriptor(words[0])
	pkt := make([]byte, d.size())
	writeStack(pkt, words[1:])
	pkt = append(pkt, inner...)
	l3, l4 := d.l3(), d.l4()
	in3, in4 := places(inner)
	hash := entropy(inner, int(in3), int(in4))
	tos, ttl := o.TOS, o.TTL
	if t, h, ok := tosOf(inner, int(in3)); ok {
		tos |= t & ecnMask
		if o.InheritTOS {
			tos = t
		}
		if o.InheritTTL {
			ttl = h
		}
	}
	ip := pkt[l3:]
	if o.Src.Is4() {
		ip[wire.IPv4TOS], ip[wire.IPv4TTL] = tos, ttl
		be.PutUint16(ip[wire.IPv4Length:], uint16(len(ip)))
		if !o.DontFragment {
			be.PutUint16(ip[wire.IPv4ID:], id)
		}
		be.PutUint16(ip[wire.IPv4Checksum:], 0)
		be.PutUint16(ip[wire.IPv4Checksum:], wire.Checksum(ip[:wire.IPv4Size]))
	} else {
		label := o.Label
		if label == 0 && !o.Type.UDP() {
			label = uint32(1 + uint64(hash)*0xfffff>>32)
		}
		be.PutUint32(ip, 6<<28|uint32(tos)<<20|label)
		be.PutUint16(ip[wire.IPv6Length:], uint16(len(ip)-wire.IPv6Size))
		ip[wire.IPv6HopLimit] = ttl
	}
	if at := d.sequence(); at != 0 {
		be.PutUint32(pkt[at:], seq)
	}
	switch {
	case o.Type == NVGRE:
		pkt[d.size()-1] = uint8(hash >> 24)
	case o.Type.UDP():
		be.PutUint16(pkt[l4+wire.UDPLength:], uint16(len(pkt)-l4))
		if o.SrcPort == 0 {
			be.PutUint16(pkt[l4:], uint16(firstPort+uint64(hash)*ports>>32))
		}
	}
	if o.Checksum {
		slowChecksum(o, pkt, l3, l4)
	}
	return pkt
}

// slowChecksum fills in the UDP or GRE checksum of pkt.
func slowChecksum(o *Outer, pkt []byte, l3, l4 int) {
	at, sum := l4+greSize, wire.Sum(pkt[l4:], 0)
	if o.Type.UDP() {
		at = l4 + wire.UDPChecksum
		pseudo := wire.PseudoIPv6
		if o.Src.Is4() {
			pseudo = wire.PseudoIPv4
		}
		sum += pseudo(pkt[l3:], wire.ProtoUDP, len(pkt)-l4)
	}
	check := ^wire.Fold(sum)
	if check == 0 && o.Type.UDP() {
		check = 0xffff
	}
	binary.BigEndian.PutUint16(pkt[at:], check)
}

// randomInner returns a packet of one of many kinds, with any type of service.
func randomInner(rng *rand.Rand) []byte {
	n, tos := rng.IntN(1400), uint8(rng.IntN(256))
	if rng.IntN(2) == 0 {
		tos = 0
	}
	part := scriptPart{8 * rng.IntN(100), n, rng.IntN(2) == 0}
	switch rng.IntN(8) {
	case 0:
		return fragmentBytes(false, rng.Uint32(), 1, part, tos)
	case 1:
		return fragmentBytes(true, rng.Uint32(), 1, part, tos)
	case 2:
		return innerTCP(true, n)
	case 3: // with VLAN tags
		b := innerUDP(tos, n)
		tag := bytes.Repeat([]byte{0x81, 0, 0, 5}, 1+rng.IntN(2))
		return slices.Concat(b[:12], tag, b[12:])
	case 4: // cut off anywhere, or something else
		b := innerUDP(tos, 40)
		b = b[:14+rng.IntN(len(b)-13)]
		if rng.IntN(4) == 0 {
			b[12+rng.IntN(min(12, len(b)-12))] = uint8(rng.IntN(256))
		}
		return b
	default:
		b := innerUDP(tos, n)
		binary.LittleEndian.PutUint32(b[26:], rng.Uint32())
		binary.LittleEndian.PutUint32(b[34:], rng.Uint32())
		return b
	}
}

// randomOuter returns one of shapes with whatever else it may have.
func randomOuter(rng *rand.Rand) Outer {
	o := shapes[rng.IntN(len(shapes))].outer
	if rng.IntN(2) == 0 {
		o = shapes[rng.IntN(2)*5].outer // the first and the sixth are what most tunnels are
	}
	if o.VLAN = 0; rng.IntN(3) == 0 {
		o.VLAN = 0x6064
	}
	o.InheritTOS, o.InheritTTL = rng.IntN(4) == 0, rng.IntN(4) == 0
	if o.Type.UDP() && rng.IntN(4) == 0 {
		o.SrcPort = uint16(1 + rng.IntN(65535))
	}
	if rng.IntN(2) == 0 {
		o = over6(o)
		if o.DontFragment, o.Label = false, 0; rng.IntN(2) == 0 {
			o.Label = uint32(rng.IntN(maxLabel + 1))
		}
	} else {
		o = over4(o)
		o.DontFragment = rng.IntN(4) != 0
	}
	o.TOS, o.TTL = uint8(rng.IntN(64))<<2, uint8(1+rng.IntN(255))
	return o
}

// Batches of any packets, some of which cannot be pushed, get the headers that they get one by one.
func TestPushedPacketsAreWhatTheirTwinMakes(t *testing.T) {
	l := newLab(t)
	rng := rand.New(rand.NewPCG(5, 6))
	whole := 0
	for range 1500 {
		o := randomOuter(rng)
		words, err := AppendStack(nil, &o)
		if err != nil {
			t.Fatal(err)
		}
		if l.pushBatch(&o, words, rng) == 0 {
			whole++
		}
	}
	if whole < 100 || whole > 1400 {
		t.Errorf("%d of 1500 batches were pushed whole: that proves little", whole)
	}
}

// pushBatch pushes a batch of random packets, and returns those that were left.
func (l *lab) pushBatch(o *Outer, words []uint64, rng *rand.Rand) (left uint64) {
	l.t.Helper()
	var fs []frame.Frame
	var inner [][]byte
	var l3s, l4s []uint16
	var keep uint64 // those that are to be left
	odd := rng.IntN(3) == 0
	for i := range 1 + rng.IntN(frame.MaxBatch) {
		b := randomInner(rng)
		if odd && rng.IntN(8) == 0 {
			b = innerUDP(0, 3000) // in two buffers
		}
		f := l.frame(b)
		switch kind := rng.IntN(20); {
		case odd && kind == 0:
			l.pool.Prepend(&f, frame.Headroom-o.Size()+1)
			b, keep = l.bytes(f), keep|1<<i
		case odd && kind == 1:
			f.SetFlags(frame.HasOffload)
			l.pool.Meta(f).Offload = frame.Offload{Csum: frame.NeedsCsum}
			keep |= 1 << i
		case odd && kind == 2:
			f.SetFlags(frame.HasOffload)
			l.pool.Meta(f).Offload = frame.Offload{Csum: frame.CsumValid}
		case odd && kind == 3 && o.Size() <= frame.Headroom-frame.TunnelRoom:
			f.SetFlags(frame.HasTunnel)
		}
		l3, l4 := places(b)
		fs, inner, l3s, l4s = append(fs, f), append(inner, b), append(l3s, l3), append(l4s, l4)
	}
	counters := l.pusher.Counters
	id, step := counters.nextID(words)
	seq := counters.seq[o.Counter].Load()
	left = l.pusher.Push(words, fs, l3s, l4s)
	if left != keep {
		l.t.Fatalf("%+v: left %b, want %b", o, left, keep)
	}
	for i, f := range fs {
		want := inner[i]
		if left>>i&1 == 0 {
			want = slowPush(o, words, want, id, seq)
			id, seq = id+step, seq+1
		}
		if got := l.bytes(f); !bytes.Equal(got, want) {
			l.t.Fatalf("%+v: packet %d of %d, %x:\ngot  %x\nwant %x", o, i, len(fs), inner[i], got[:min(len(got), 200)], want[:min(len(want), 200)])
		}
		l.c.Put(f)
	}
	return left
}

// nextID returns the identification that the next packet with a header stack gets, and how far the one after it is from it.
func (k *Counters) nextID(words []uint64) (id, step uint16) {
	own := k.identityOf(words)
	return uint16(own.counter.Load()*own.step + own.add), uint16(own.step)
}

// identityOf returns how packets with a header stack are numbered.
func (k *Counters) identityOf(words []uint64) identity {
	d := descriptor(words[0])
	stack := make([]byte, d.size())
	writeStack(stack, words[1:])
	return k.identity(stack[d.l3():])
}

package wire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/gopacket/layers"
)

// checksumOffset is where the checksum of a TCP or UDP packet is.
func checksumOffset(r recipe, p packet) int {
	if r.proto == layers.IPProtocolTCP {
		return p.l4 + TCPChecksum
	}
	return p.l4 + UDPChecksum
}

// partial returns the packet of r as a sender leaves it who counts on hardware to complete it: the
// field holds the sum of the pseudo-header, calculated here word by word.
func partial(r recipe) packet {
	p := r.build()
	size := len(p.b) - p.l4
	var pseudo []byte
	if r.v6 {
		pseudo = append(append(pseudo, r.src.To16()...), r.dst.To16()...)
		pseudo = append(pseudo, 0, 0, byte(size>>8), byte(size), 0, 0, 0, byte(r.proto))
	} else {
		pseudo = append(append(pseudo, r.src.To4()...), r.dst.To4()...)
		pseudo = append(pseudo, 0, byte(r.proto), byte(size>>8), byte(size))
	}
	binary.BigEndian.PutUint16(p.b[checksumOffset(r, p):], naiveSum(pseudo))
	return p
}

func completable() []recipe {
	return []recipe{
		newRecipe(false, layers.IPProtocolTCP), newRecipe(false, layers.IPProtocolUDP),
		newRecipe(true, layers.IPProtocolTCP), newRecipe(true, layers.IPProtocolUDP),
	}
}

func TestChecksumLeftToHardwareIsCompleted(t *testing.T) {
	for _, r := range completable() {
		for _, size := range []int{0, 1, 2, 100, 1400} {
			r.size = size
			want, p := r.build(), partial(r)
			if !CompleteBytes(p.b, p.l3, p.l4) {
				t.Errorf("%s with %d bytes was not completed", p.name, size)
			}
			if !bytes.Equal(p.b, want.b) {
				t.Errorf("%s with %d bytes has checksum %x, want %x", p.name, size,
					p.b[checksumOffset(r, p):][:2], want.b[checksumOffset(r, want):][:2])
			}
		}
	}
}

func TestPaddingIsNotSummedUp(t *testing.T) {
	for _, r := range completable() {
		r.size = 1
		p, want := partial(r), r.build()
		padded := append(append([]byte(nil), p.b...), 0xa5, 0xa5, 0xa5)
		if !CompleteBytes(padded, p.l3, p.l4) || !bytes.Equal(padded[:len(p.b)], want.b) {
			t.Errorf("%s with padding got another checksum", p.name)
		}
	}
}

func TestChecksumIsCompletedOverAChain(t *testing.T) {
	pool, c := newTestPool(t)
	defer closeTestPool(t, pool, c)
	for _, r := range completable() {
		r.size = 5000
		p, want := partial(r), r.build()
		for _, sizes := range [][]int{{1500}, {101, 33}, {74, 777, 1}, {1664}} {
			if sizes[len(sizes)-1] == 1 {
				sizes[len(sizes)-1] = 1001 // an odd size for every buffer
			}
			if sizes[len(sizes)-1] == 33 {
				sizes[len(sizes)-1] = 333
			}
			f := newChain(t, pool, c, p.b, sizes...)
			if !CompleteChecksum(pool, f, p.l3, p.l4) {
				t.Errorf("%s in buffers of %v was not completed", p.name, sizes)
			}
			got := make([]byte, len(p.b))
			pool.CopyOut(f, got)
			if !bytes.Equal(got, want.b) {
				t.Errorf("%s in buffers of %v has another checksum than in one", p.name, sizes)
			}
			c.Put(f)
		}
	}
}

func TestCompletionNeverTouches(t *testing.T) {
	tcp, udp := newRecipe(false, layers.IPProtocolTCP), newRecipe(false, layers.IPProtocolUDP)
	tcp6 := newRecipe(true, layers.IPProtocolTCP)
	for _, tc := range []struct {
		name string
		p    func() packet
	}{
		{"a right checksum", func() packet { return tcp.build() }},
		{"a wrong checksum", func() packet {
			p := tcp.build()
			p.b[checksumOffset(tcp, p)] ^= 1
			return p
		}},
		{"UDP without checksum", func() packet {
			r := udp
			r.noSum = true
			return r.build()
		}},
		{"the first fragment of a packet", func() packet {
			p := partial(tcp)
			p.b[p.l3+IPv4Fragment] |= IPv4MoreFragments >> 8
			return p
		}},
		{"a later fragment that happens to fit", func() packet {
			p := partial(tcp)
			p.b[p.l3+IPv4Fragment+1] = 1
			return p
		}},
		{"a packet without transport header", func() packet {
			p := partial(tcp)
			p.l4 = 0
			return p
		}},
		{"a packet cut short", func() packet {
			p := partial(tcp)
			p.b = p.b[:len(p.b)-1]
			return p
		}},
		{"UDP with a length of its own", func() packet {
			p := partial(udp)
			p.b[p.l4+UDPLength+1]--
			return p
		}},
		{"an IPv6 packet with another protocol", func() packet {
			p := partial(tcp6)
			p.b[p.l3+IPv6Next] = 136 // UDP-Lite
			return p
		}},
		{"a header of another version", func() packet {
			p := partial(tcp)
			p.b[p.l3] = 0x55
			return p
		}},
	} {
		p := tc.p()
		before := append([]byte(nil), p.b...)
		if CompleteBytes(p.b, p.l3, p.l4) || !bytes.Equal(p.b, before) {
			t.Errorf("%s was touched", tc.name)
		}
	}
}

// A right checksum may by chance be the pseudo-header's sum: then the data sums up to nothing.
func TestRightChecksumThatEqualsThePseudoHeaderIsNotTouched(t *testing.T) {
	r := newRecipe(false, layers.IPProtocolUDP)
	r.size = 2
	p := partial(r)
	field := checksumOffset(r, p)
	pseudo := binary.BigEndian.Uint16(p.b[field:])
	// Choose the payload so that header and payload without the field sum to ~2*pseudo: the field is
	// then right as it is.
	binary.BigEndian.PutUint16(p.b[len(p.b)-2:], 0)
	rest := naiveSum(p.b[p.l4:]) // includes the field once
	binary.BigEndian.PutUint16(p.b[len(p.b)-2:], ^Fold(uint32(rest)+uint32(pseudo)))
	before := append([]byte(nil), p.b...)
	if CompleteBytes(p.b, p.l3, p.l4) || !bytes.Equal(p.b, before) {
		t.Error("a right checksum was replaced")
	}
}

func TestUDPChecksumOfZeroIsSentAsOnes(t *testing.T) {
	r := newRecipe(false, layers.IPProtocolUDP)
	r.size = 2
	p := partial(r)
	binary.BigEndian.PutUint16(p.b[len(p.b)-2:], 0)
	binary.BigEndian.PutUint16(p.b[len(p.b)-2:], ^naiveSum(p.b[p.l4:]))
	if !CompleteBytes(p.b, p.l3, p.l4) {
		t.Fatal("the packet was not completed")
	}
	if got := binary.BigEndian.Uint16(p.b[checksumOffset(r, p):]); got != 0xffff {
		t.Errorf("checksum is %#x, want 0xffff", got)
	}
}

func TestSeedingIsWhatCompletionExpects(t *testing.T) {
	for _, r := range completable() {
		p, want := r.build(), r.build()
		SeedChecksum(p.b, p.l3, p.l4)
		if !bytes.Equal(p.b, partial(r).b) {
			t.Errorf("%s: the seed is not the pseudo-header's sum", p.name)
		}
		CompleteBytes(p.b, p.l3, p.l4)
		if !bytes.Equal(p.b, want.b) {
			t.Errorf("%s: seeding and completing is not the identity", p.name)
		}
	}
}

func TestCompletionAllocatesNothing(t *testing.T) {
	p := partial(newRecipe(true, layers.IPProtocolTCP))
	if n := testing.AllocsPerRun(100, func() {
		SeedChecksum(p.b, p.l3, p.l4)
		CompleteBytes(p.b, p.l3, p.l4)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// FuzzComplete: whatever the bytes, no panic, and only the checksum field ever changes, to a right one.
func FuzzComplete(f *testing.F) {
	for _, r := range completable() {
		p := partial(r)
		f.Add(p.b, p.l3, p.l4)
	}
	f.Fuzz(func(t *testing.T, b []byte, l3, l4 int) {
		before := append([]byte(nil), b...)
		if !CompleteBytes(b, l3, l4) {
			if !bytes.Equal(b, before) {
				t.Fatal("an untouched packet has changed")
			}
			return
		}
		changed := 0
		for i := range b {
			if b[i] != before[i] {
				changed++
			}
		}
		if changed > 2 {
			t.Fatalf("%d bytes have changed, want at most the checksum's 2", changed)
		}
		if CompleteBytes(b, l3, l4) {
			t.Fatal("a completed packet was completed again")
		}
	})
}

// BenchmarkComplete measures the check that every frame of a veth port pays, and a completion.
func BenchmarkComplete(b *testing.B) {
	r := newRecipe(false, layers.IPProtocolTCP)
	r.size = 1460
	b.Run("complete-already", func(b *testing.B) {
		p := r.build()
		b.ReportAllocs()
		for b.Loop() {
			CompleteBytes(p.b, p.l3, p.l4)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/pkt")
	})
	b.Run("1460B", func(b *testing.B) {
		p := partial(r)
		field := [2]byte(p.b[checksumOffset(r, p):])
		b.ReportAllocs()
		for b.Loop() {
			copy(p.b[checksumOffset(r, p):], field[:])
			CompleteBytes(p.b, p.l3, p.l4)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/pkt")
	})
}

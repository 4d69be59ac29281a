package wire

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// naiveSum is RFC 1071 word for word.
func naiveSum(b []byte) uint16 {
	var sum uint64
	for i := 0; i < len(b); i += 2 {
		w := uint64(b[i]) << 8
		if i+1 < len(b) {
			w |= uint64(b[i+1])
		}
		sum += w
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

func TestSumIsTheNaiveSumAtEveryLengthAndOffset(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 2100)
	for i := range random {
		random[i] = byte(rnd.Uint32())
	}
	for _, data := range [][]byte{random, make([]byte, 2100), bytes.Repeat([]byte{0xff}, 2100)} {
		for n := 0; n <= 2048; n++ {
			b := data[n%9:][:n]
			if got, want := Fold(Sum(b, 0)), naiveSum(b); got != want {
				t.Fatalf("sum of %d bytes is %#x, want %#x", n, got, want)
			}
			if got, want := Fold(Sum(b, 0xfffe)), naiveSum(append([]byte{0xff, 0xfe}, b...)); got != want {
				t.Fatalf("sum of %d bytes after 0xfffe is %#x, want %#x", n, got, want)
			}
		}
	}
}

func TestSummerIsTheSumHoweverThePacketIsCut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 300)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	want := Fold(Sum(b, 0))
	for range 2000 {
		var s Summer
		for rest := b; len(rest) > 0; {
			n := rnd.IntN(min(len(rest), 40) + 1)
			s.Add(rest[:n])
			rest = rest[n:]
		}
		if got := Fold(s.Sum()); got != want {
			t.Fatalf("sum in pieces is %#x, want %#x", got, want)
		}
	}
}

func TestUpdatedChecksumsVerify(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	var b [40]byte
	word := func() uint32 { // often the values where carries go wrong
		return [...]uint32{0, 0xffffffff, 0xffff, 0xffff0000, rnd.Uint32(), rnd.Uint32()}[rnd.IntN(6)]
	}
	for range 20000 {
		for i := 4; i < len(b); i += 4 {
			binary.BigEndian.PutUint32(b[i:], word())
		}
		binary.BigEndian.PutUint32(b[:], 0)
		b[2] = 1 // never all zero: a header is not
		check := Checksum(b[:])
		binary.BigEndian.PutUint16(b[:], check)
		old, after := [16]byte(b[8:]), [16]byte(b[24:])
		switch v := word(); rnd.IntN(3) {
		case 0:
			check = Update16(check, binary.BigEndian.Uint16(b[4:]), uint16(v))
			binary.BigEndian.PutUint16(b[4:], uint16(v))
		case 1:
			check = Update32(check, binary.BigEndian.Uint32(b[4:]), v)
			binary.BigEndian.PutUint32(b[4:], v)
		case 2:
			check = Update128(check, &old, &after)
			copy(b[8:], after[:])
		}
		binary.BigEndian.PutUint16(b[:], check)
		if got := naiveSum(b[:]); got != 0xffff {
			t.Fatalf("after an update the header sums to %#x, want 0xffff: %x", got, b)
		}
	}
}

// BenchmarkSum measures the checksum of a header, a small and a full-size payload.
func BenchmarkSum(b *testing.B) {
	for _, tc := range []struct {
		name string
		size int
	}{{"20B", 20}, {"64B", 64}, {"1460B", 1460}, {"9000B", 9000}} {
		b.Run(tc.name, func(b *testing.B) {
			data := make([]byte, tc.size)
			b.SetBytes(int64(tc.size))
			b.ReportAllocs()
			var sum uint32
			for b.Loop() {
				sum += Sum(data, 0)
			}
			_ = sum
		})
	}
}

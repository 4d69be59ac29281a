package stamp

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

func TestAStampIsReadAsItWasWritten(t *testing.T) {
	for _, s := range []Stamp{
		{},
		{Mark: 0xffffffff, Sequence: MaxSequence, Time: 1<<63 - 1, First: true},
		{Mark: 0x12345678, Sequence: 0xabcdef, Time: 12345},
		{Sequence: 1 << 32, Time: 1},
	} {
		b := bytes.Repeat([]byte{0xa5}, Size+2)
		Put(b[1:], s)
		if got := Get(b[1:]); got != s {
			t.Errorf("wrote %+v, read %+v", s, got)
		}
		if b[0] != 0xa5 || b[Size+1] != 0xa5 {
			t.Errorf("%+v: more than %d bytes were written", s, Size)
		}
	}
}

func TestTheBytesOfAStampAreAsTheDrawingSays(t *testing.T) {
	var b [Size]byte
	Put(b[:], Stamp{Mark: 0x01020304, Sequence: 0x05060708090a, Time: 0x0b0c0d0e0f101112})
	for i, v := range b {
		if v != byte(i+1) {
			t.Fatalf("byte %d is %#x, want %#x", i, v, i+1)
		}
	}
}

func TestTheSumIsThatOfTheInternetChecksum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var b [Size]byte
		st := Stamp{r.Uint32(), r.Uint64() & MaxSequence, r.Int64(), r.Uint32()&1 != 0}
		Put(b[:], st)
		s := st.Sum()
		s = s>>32 + s&0xffffffff
		s = s>>16 + s&0xffff
		if got, want := wire.Fold(uint32(s)), wire.Fold(wire.Sum(b[:], 0)); got != want {
			t.Fatalf("%x: sum %04x, want %04x", b, got, want)
		}
	}
}

func TestAStampWithoutTimeIsWrittenInOneGo(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		st := Stamp{Mark: r.Uint32(), Sequence: r.Uint64() & MaxSequence}
		got, want := bytes.Repeat([]byte{0xa5}, Size), make([]byte, Size)
		PutPlain(got, st.Mark, st.Sequence)
		Put(want, st)
		if !bytes.Equal(got, want) || SumPlain(st.Mark, st.Sequence) != st.Sum() {
			t.Fatalf("%+v: %x with sum %x, want %x with %x", st, got, SumPlain(st.Mark, st.Sequence), want, st.Sum())
		}
	}
}

package move

import (
	"bytes"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"
)

// Pieces of every length around those that have a way of their own, alone and among others.
func TestPiecesArriveWholeAndNothingElseIsTouched(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 600 {
		n := rnd.IntN(50)
		if round < 300 {
			n = 1
		}
		src, dst := make([]byte, 1<<14), make([]byte, 1<<14)
		for i := range src {
			src[i], dst[i] = byte(rnd.Uint32()), byte(rnd.Uint32())
		}
		want := bytes.Clone(dst)
		pieces := make([]Piece, n)
		at := 0
		for i := range pieces {
			size := rnd.IntN(200)
			if round < 300 {
				size = round
			}
			at += rnd.IntN(100)
			from := rnd.IntN(len(src) - size)
			pieces[i].Set(dst[at:], src[from:from+size])
			copy(want[at:], src[from:from+size])
			at += size
		}
		All(pieces)
		if !bytes.Equal(dst, want) {
			t.Fatalf("round %d: %d pieces did not arrive as they were", round, n)
		}
	}
}

func TestAPieceLongerThanItsPlaceIsRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Set took 65 bytes for a place of 64")
		}
	}()
	new(Piece).Set(make([]byte, 64), make([]byte, 65))
}

// The memory of guests comes and goes; see package mem.
func TestAPageThatIsGonePanicsWithItsAddress(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := os.Getpagesize()
	if err := f.Truncate(int64(2 * page)); err != nil {
		t.Fatal(err)
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, 2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(memory)
	if err := f.Truncate(int64(page)); err != nil {
		t.Fatal(err)
	}
	there := make([]byte, 60)
	for _, c := range []struct {
		name     string
		dst, src []byte
	}{
		{"to read", there, memory[page : page+60]},
		{"to write", memory[page:], there},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
			defer func() {
				if _, ok := recover().(interface{ Addr() uintptr }); !ok {
					t.Error("no panic that has an address")
				}
			}()
			pieces := make([]Piece, 2)
			pieces[0].Set(make([]byte, 32), make([]byte, 32))
			pieces[1].Set(c.dst, c.src)
			All(pieces)
		})
	}
}

func BenchmarkAll(b *testing.B) {
	src, dst := make([]byte, 1<<16), make([]byte, 1<<16)
	pieces := make([]Piece, 64)
	for i := range pieces {
		pieces[i].Set(dst[1024*i:], src[1024*i:][:60])
	}
	b.ReportAllocs()
	for b.Loop() {
		All(pieces)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(pieces)), "ns/piece")
}

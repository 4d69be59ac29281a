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
	rnd, fill := rand.New(rand.NewPCG(1, 2)), rand.NewChaCha8([32]byte{1})
	for round := range 600 {
		n := rnd.IntN(50)
		if round < 300 {
			n = 1
		}
		src, dst := make([]byte, 1<<16), make([]byte, 1<<16)
		fill.Read(src)
		fill.Read(dst)
		want := bytes.Clone(dst)
		pieces := make([]Piece, n)
		at := 0
		for i := range pieces {
			size := rnd.IntN(200)
			if i%3 == 0 {
				size = rnd.IntN(2000)
			}
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
	there, long := make([]byte, 60), make([]byte, 1000)
	for _, c := range []struct {
		name     string
		dst, src []byte
	}{
		{"to read", there, memory[page : page+60]},
		{"to write", memory[page:], there},
		{"to read, long", long, memory[page : page+1000]},
		{"to write, long", memory[page:], long},
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

// BenchmarkCold has packets go from memory that no cache holds all of through a few buffers to other such memory, as
// between guests, and the same by copy. ns/packet is for both ways.
func BenchmarkCold(b *testing.B) {
	const room, packets, batch = 2304, 8192, 64
	far, near := make([]byte, room*packets), make([]byte, 2048*batch)
	for i := range far {
		far[i] = byte(i)
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(packets)
	pieces := make([]Piece, batch)
	for mix, sizes := range map[string][]int{
		"508": {508}, "1514": {1514}, "IMIX": {60, 60, 590, 60, 60, 590, 60, 60, 590, 60, 590, 1514},
	} {
		for name, all := range map[string]func([]Piece){"all": All, "copy": byCopy} {
			b.Run(name+"/"+mix, func(b *testing.B) {
				for done := 0; done < b.N; done += batch {
					for i := range pieces {
						pieces[i].Set(near[2048*i:], far[room*order[(2*done+i)%packets]:][:sizes[i%len(sizes)]])
					}
					all(pieces)
					for i := range pieces {
						pieces[i].Set(far[room*order[(2*done+batch+i)%packets]:], near[2048*i:][:sizes[i%len(sizes)]])
					}
					all(pieces)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/packet")
			})
		}
	}
}

func byCopy(p []Piece) {
	for i := range p {
		p[i].copy()
	}
}

func TestAskingForALineThatIsGoneIsNoFault(t *testing.T) {
	page := os.Getpagesize()
	memory, err := unix.Mmap(-1, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	here, gone := byte(7), &memory[8]
	pieces := make([]Piece, 2) // one of them has nothing to copy
	pieces[0].Set(memory[8:9], memory[9:10])
	if err := unix.Munmap(memory); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*byte{&here, gone} {
		WillRead(p)
		WillWrite(p)
	}
	WillCopyTo(pieces, 12)
	if here != 7 {
		t.Errorf("a byte that was asked for is %d, want 7", here)
	}
}

package stream

import (
	"math/rand/v2"

	"github.com/culvertdev/culvert/ring/frame"
)

// pattern is what the payload of every frame is: the byte at an offset from the start of a buffer's data is the same in
// each, so that a buffer that has been filled once serves any stream, in any place of a frame.
var pattern = makePattern()

func makePattern() (p [4096]byte) {
	rand.NewChaCha8([32]byte{'c', 'u', 'l', 'v', 'e', 'r', 't'}).Read(p[:])
	return p
}

// Bodies knows which buffers of a pool hold the payload already. What else is written to a buffer makes that untrue:
// whoever receives into the same pool says so by Soil, or Forget.
//
// Thread-safety: Put and Forget are for one goroutine, the sender's. Soil is for the owner of the buffer.
type Bodies struct {
	pool *frame.Pool
	// held says of each buffer how far it holds the payload, from headMax on, in bytes from the start of the data, and
	// in which age that was: ages before this one count for nothing.
	held []uint32
	age  uint32 // 16 bits
}

// NewBodies returns one that knows of no buffer.
func NewBodies(p *frame.Pool) *Bodies {
	return &Bodies{pool: p, held: make([]uint32, p.Buffers()), age: 1}
}

// Soil notes that f's buffers were written to.
func (x *Bodies) Soil(f frame.Frame) {
	for ok := true; ok; f, ok = x.pool.Next(f) {
		x.held[x.pool.Buffer(f)] = 0
	}
}

// Forget notes that any buffer may have been written to.
func (x *Bodies) Forget() {
	if x.age++; x.age == 1<<16 {
		clear(x.held)
		x.age = 1
	}
}

// put makes bytes headMax to n of f's data the payload. What is behind them is the caller's to write, and not known any
// more then.
func (x *Bodies) put(f frame.Frame, n int) {
	h := &x.held[x.pool.Buffer(f)]
	have := 0
	if *h>>16 == x.age {
		have = int(*h & 0xffff)
	}
	if *h = x.age<<16 | uint32(n); have < n && n > headMax {
		from := max(have, headMax)
		copy(x.pool.Bytes(f)[from:n], pattern[from:])
	}
}

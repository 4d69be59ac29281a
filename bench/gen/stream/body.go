package stream

import (
	"math/rand/v2"

	"github.com/culvertdev/culvert/bench/gen/stamp"
	"github.com/culvertdev/culvert/ring/frame"
)

// pattern is what the payload of every frame is: the byte at an offset from the start of a buffer's data is the same in
// each, so that a buffer that has been filled once serves any stream, in any place of a frame.
var pattern = makePattern()

func makePattern() (p [4096]byte) {
	rand.NewChaCha8([32]byte{'c', 'u', 'l', 'v', 'e', 'r', 't'}).Read(p[:])
	return p
}

// Bodies knows which buffers of a pool hold the payload already, and whose headers. What else is written to a buffer makes
// that untrue: whoever receives into the same pool says so by Soil, or Forget.
//
// Thread-safety: Forget and what streams do is for one goroutine, the sender's. Soil is for the owner of the buffers.
type Bodies struct {
	pool  *frame.Pool
	held  []held // by buffer
	age   uint16
	heads uint32 // handed out
}

// held is what a buffer holds.
type held struct {
	head uint32 // whose headers its first bytes are; 0: nobody's
	upTo uint16 // how far it holds the payload, from headMax on, in bytes from the start of the data
	age  uint16 // when that was: what is of an age before this one counts for nothing
}

// NewBodies returns one that knows of no buffer.
func NewBodies(p *frame.Pool) *Bodies {
	return &Bodies{pool: p, held: make([]held, p.Buffers()), age: 1}
}

// Soil notes that the buffers of some frames were written to.
func (x *Bodies) Soil(fs []frame.Frame) {
	for _, f := range fs {
		x.held[x.pool.Buffer(f)] = held{}
		if f.More() > 0 {
			x.soilRest(f)
		}
	}
}

// soilRest is Soil of what is behind the first buffer of a frame.
func (x *Bodies) soilRest(f frame.Frame) {
	for f, ok := x.pool.Next(f); ok; f, ok = x.pool.Next(f) {
		x.held[x.pool.Buffer(f)] = held{}
	}
}

// Forget notes that any buffer may have been written to.
func (x *Bodies) Forget() {
	if x.age++; x.age == 0 {
		clear(x.held)
		x.age = 1
	}
}

// newHead returns a number for headers that are alike in all but what is written to every frame.
func (x *Bodies) newHead() uint32 {
	x.heads++
	return x.heads
}

// put makes the first bytes of f's data a head, and bytes headMax to n the payload. What is behind them is the caller's to
// write, and not known any more then.
func (x *Bodies) put(f frame.Frame, n int, id uint32, head []byte) {
	h := &x.held[x.pool.Buffer(f)]
	have := 0
	if h.age == x.age {
		have = int(h.upTo)
	}
	b := x.pool.Bytes(f)
	if have < n && n > headMax {
		from := max(have, headMax)
		copy(b[from:n], pattern[from:])
	}
	copy(b, head)
	if n > headMax-stamp.Size { // else what is behind the head stays as it is
		have = n
	}
	*h = held{id, uint16(have), x.age}
}

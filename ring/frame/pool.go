package frame

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
)

// maxCaches bounds the magazines kept for caches; each cache takes under 1 KiB of them.
const maxCaches = 1 << 16

// HugePages says whether the arena should lie on hugepages.
type HugePages uint8

// Hugepage choices.
const (
	HugeAuto   HugePages = iota // when the host has enough free ones, else ordinary pages
	HugeNever                   // ordinary pages
	HugeAlways                  // fail without them
)

// Options configure a Pool. The zero value of each field picks the default named beside it.
type Options struct {
	Buffers    int       // number of buffers; default 16384
	BufferSize int       // bytes, 2048 (default) or 4096: AF_XDP takes no other
	Huge       HugePages // default HugeAuto
	Caches     int       // most caches open at once; default 512
	// Audit checks every allocation and free against a table of owners and panics on a frame freed
	// twice. For tests.
	Audit bool
}

// A Pool is one arena cut into equal buffers, registered as the UMEM of every AF_XDP socket. The
// arena is at most 4 GiB, since a Frame counts its offset in 32 bits.
//
// Thread-safety: all methods are safe for concurrent use; those that take a Frame are for its owner.
type Pool struct {
	mem    []byte
	meta   []Meta
	shift  uint8           // log2 of the buffer size
	mask   uint32          // buffer size - 1
	caches int             // most caches open at once
	audit  []atomic.Uint32 // 1: buffer is out; nil unless Options.Audit
	arena  arena
	depot  depot
}

// NewPool maps an arena and puts every buffer on the free list.
func NewPool(o Options) (*Pool, error) {
	if o.Buffers == 0 {
		o.Buffers = 16384
	}
	if o.BufferSize == 0 {
		o.BufferSize = 2048
	}
	if o.Caches == 0 {
		o.Caches = 512
	}
	if o.BufferSize != 2048 && o.BufferSize != 4096 {
		return nil, fmt.Errorf("buffer size %d bytes: want 2048 or 4096", o.BufferSize)
	}
	if o.Buffers < 1 || o.Buffers > (1<<32)/o.BufferSize {
		return nil, fmt.Errorf("%d buffers of %d bytes: want 1 to %d", o.Buffers, o.BufferSize, (1<<32)/o.BufferSize)
	}
	if o.Caches < 1 || o.Caches > maxCaches {
		return nil, fmt.Errorf("%d caches: want 1 to %d", o.Caches, maxCaches)
	}
	size := o.Buffers * o.BufferSize
	a, err := newArena((size+hugePage-1)&^(hugePage-1), o.Huge)
	if err != nil {
		return nil, fmt.Errorf("frame arena: %w", err)
	}
	p := &Pool{
		arena:  a,
		mem:    a.mem[:size:size],
		meta:   make([]Meta, o.Buffers),
		shift:  uint8(bits.TrailingZeros(uint(o.BufferSize))),
		mask:   uint32(o.BufferSize - 1),
		caches: o.Caches,
	}
	if o.Audit {
		p.audit = make([]atomic.Uint32, o.Buffers)
	}
	p.depot.init(o.Buffers, o.Caches)
	return p, nil
}

// Close unmaps the arena. No frame of it may be used after; it reports caches still open and frames
// still out. Closing again does nothing.
func (p *Pool) Close() error {
	if p.mem == nil {
		return nil
	}
	p.mem = nil // a frame used later panics; with the memory gone it would be a SIGSEGV
	return errors.Join(p.Check(), p.arena.close())
}

// Memory returns the whole arena. It is for whoever shares it: UMEM registration, another process.
func (p *Pool) Memory() []byte { return p.mem }

// FD returns the arena's memfd. It stays open until Close.
func (p *Pool) FD() int { return p.arena.fd }

// Pages says in words what kind of pages the arena lies on.
func (p *Pool) Pages() string { return p.arena.pages }

// Buffers returns the number of buffers.
func (p *Pool) Buffers() int { return len(p.meta) }

// Free returns how many buffers are free for everybody. The stock of each cache, at most 128 buffers, is not among them.
func (p *Pool) Free() int { return int(p.depot.full.held.Load() + p.depot.partial.held.Load()) }

// BufferSize returns the size of a buffer in bytes.
func (p *Pool) BufferSize() int { return 1 << p.shift }

// Room returns how many data bytes a buffer takes behind the standard headroom.
func (p *Pool) Room() int { return p.BufferSize() - Headroom }

// Buffer returns the number of the buffer that f's data is in.
func (p *Pool) Buffer(f Frame) uint32 { return f.Off() >> p.shift }

// At returns the frame for n bytes of data at offset off of the arena, as a descriptor names them.
// The caller owns that buffer. The data must lie within one buffer.
func (p *Pool) At(off uint32, n int) Frame { return at(off, n) }

// Bytes returns the data in f's first buffer, valid until f is freed or handed on. Its capacity ends
// with the data: appending never reaches another buffer.
func (p *Pool) Bytes(f Frame) []byte {
	end := uint(f.Off()) + uint(f.Len())
	return p.mem[f.Off():end:end]
}

// Meta returns what the switch knows about f.
func (p *Pool) Meta(f Frame) *Meta { return &p.meta[f.Off()>>p.shift] }

// Total returns the bytes of the whole packet, all buffers of its chain together.
func (p *Pool) Total(f Frame) int {
	if f.More() == 0 {
		return f.Len()
	}
	return int(p.Meta(f).Total)
}

// Headroom returns the free bytes in front of f's data.
func (p *Pool) Headroom(f Frame) int { return int(f.Off() & p.mask) }

// Tailroom returns the free bytes behind the data in f's first buffer.
func (p *Pool) Tailroom(f Frame) int { return p.BufferSize() - p.Headroom(f) - f.Len() }

// Prepend moves the start of f's data n bytes to the front. It reports false, and leaves f as it is,
// when there is not enough headroom: what is kept of outer headers (HasTunnel) is not written over.
func (p *Pool) Prepend(f *Frame, n int) bool {
	room := int(f.Off() & p.mask)
	if f.Flags()&HasTunnel != 0 {
		room -= TunnelRoom
	}
	if n > room || f.Len()+n > 0xffff {
		return false
	}
	f.skip(-n)
	if f.More() != 0 {
		p.Meta(*f).Total += uint32(n)
	}
	return true
}

// Trim drops n bytes at the front of f. It reports false, and leaves f as it is, when the first
// buffer holds fewer, or when nothing would be left of data that reaches to the end of its buffer: the
// start of a frame is what names its buffer.
func (p *Pool) Trim(f *Frame, n int) bool {
	if n > f.Len() || int(f.Off()&p.mask)+n > int(p.mask) {
		return false
	}
	if f.More() != 0 {
		p.Meta(*f).Total -= uint32(n)
	}
	f.skip(n)
	return true
}

// TrimAll is Trim for frames in one buffer that are all known to have more than n bytes.
func (p *Pool) TrimAll(frames []Frame, n int) {
	for i := range frames {
		frames[i].skip(n)
	}
}

// SetLen sets the number of data bytes in f's first buffer, which must hold them. For packets in one
// buffer: what fills a fresh frame calls it.
func (p *Pool) SetLen(f *Frame, n int) {
	if n < 0 || p.Headroom(*f)+n > p.BufferSize() {
		panic("frame: length beyond the buffer")
	}
	f.setLen(n)
}

package tap

import (
	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/ring/frame"
)

// A vector is the empty buffers that the next packet is read into: as many as the longest packet
// takes. A short packet uses the first ones, which are replaced before the next read.
type vector struct {
	pool    *frame.Pool
	cache   *frame.Cache
	frames  []frame.Frame
	iov     []unix.Iovec
	missing int // of the first ones
}

func newVector(c *frame.Cache, size int) vector {
	pool := c.Pool()
	n := (size + pool.Room() - 1) / pool.Room()
	return vector{
		pool: pool, cache: c, missing: n,
		frames: make([]frame.Frame, n), iov: make([]unix.Iovec, n),
	}
}

// fill replaces the buffers that were used; false when the arena has too few.
func (v *vector) fill() bool {
	for v.missing > 0 {
		f, ok := v.cache.Get()
		if !ok {
			return false
		}
		v.missing--
		v.pool.SetLen(&f, v.pool.Room())
		v.frames[v.missing] = f
		point(&v.iov[v.missing], v.pool.Bytes(f))
	}
	return true
}

// packet returns the first size bytes, more than 0, as a frame.
func (v *vector) packet(size int) frame.Frame {
	var ch frame.Chain
	for size > 0 {
		f := v.frames[v.missing]
		n := min(size, f.Len())
		v.pool.SetLen(&f, n)
		ch.Append(v.pool, f)
		v.missing++
		size -= n
	}
	return ch.Frame(v.pool)
}

// close frees the buffers.
func (v *vector) close() {
	for _, f := range v.frames[v.missing:] {
		v.cache.Put(f)
	}
	v.missing = len(v.frames)
	v.cache.Close()
}

// point makes one element of a vector name b, which is not empty. b is memory of the arena, which the
// collector does not move or free.
func point(iov *unix.Iovec, b []byte) {
	iov.Base = &b[0]
	iov.SetLen(len(b))
}

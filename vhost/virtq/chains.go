package virtq

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// Limits of one Take.
const (
	// MaxChains is the most chains one Take returns.
	MaxChains = 256
	// MaxSegments is the most pieces of memory the chains of one Take have together, and so a bound on
	// one chain as well, whatever the size of its ring or of its indirect table. No network driver comes near:
	// Linux makes 19 of a packet, and QEMU's device takes 1024 (its VIRTQUEUE_MAX_SIZE).
	MaxSegments = 1024
)

// Chains are chains of buffers that were taken from a ring, in ring order. A Chains belongs to one queue at a
// time, from Take to Give, and is reused; declare it as a field of something long-lived. The zero value is empty.
//
// The memory of its segments is the guest's, which may change it at any time: read once, into memory of your
// own, and check that. It stays mapped until the queue's table of memory is closed.
type Chains struct {
	n     int // chains
	segs  int // segments in use
	plain int // chains at the beginning that are one segment each, of the same number
	chain [MaxChains]Chain
	seg   [MaxSegments][]byte
	addr  [MaxSegments]uint64 // guest-physical addresses of the segments; only with a log of dirty pages
}

// A Chain is one chain of buffers: what a driver made available with one entry.
type Chain struct {
	// Written is how many bytes were written to the writable segments; whoever took the chain sets it before
	// Give, and to no more than these have. It is 0 after Take.
	Written uint32

	tag  uint32 // what the driver knows it by 16, descriptors of a packed ring it takes up 16
	span uint64 // its first segment 16, its first writable one 16, behind its last 16; entry in the inflight region 16
}

func (c *Chain) id() uint16    { return uint16(c.tag) }
func (c *Chain) slots() uint32 { return c.tag >> 16 }
func (c *Chain) first() int    { return int(c.span & 0xffff) }
func (c *Chain) split() int    { return int(c.span >> 16 & 0xffff) }
func (c *Chain) end() int      { return int(c.span >> 32 & 0xffff) }
func (c *Chain) entry() uint16 { return uint16(c.span >> 48) }

// set makes c a chain of the segments from first up to end.
func (c *Chain) set(id, slots, entry uint16, first, split, end int) {
	c.Written = 0
	c.tag = uint32(id) | uint32(slots)<<16
	c.span = uint64(first) | uint64(split)<<16 | uint64(end)<<32 | uint64(entry)<<48
}

// alone makes c a chain of one descriptor with these flags, in one segment.
func (c *Chain) alone(id, entry uint16, segment uint64, flags uint16) {
	c.Written = 0
	c.tag = uint32(id) | 1<<16
	c.span = spanAlone(segment, flags) | uint64(entry)<<48
}

// spanAlone returns the span of a chain of one segment, whose descriptor has these flags, without an entry in an inflight region. That of
// the next segment is spanStep more.
func spanAlone(segment uint64, flags uint16) uint64 {
	return segment*spanStep + (1<<16 | 1<<32) - uint64(flags&layout.FlagWrite)<<15
}

const spanStep = 1 | 1<<16 | 1<<32

// took notes that n chains of one segment each were appended.
func (b *Chains) took(n int) {
	if b.plain == b.n {
		b.plain += n
	}
	b.n += n
	b.segs += n
}

// enter notes the chain's entry in the inflight region.
func (c *Chain) enter(entry uint16) { c.span = c.span&(1<<48-1) | uint64(entry)<<48 }

// Len returns the number of chains.
func (b *Chains) Len() int { return b.n }

// At returns chain i of Len.
func (b *Chains) At(i int) *Chain { return &b.chain[:b.n][i] }

// Readable returns the segments of c that the device may read. None is empty, and there may be none.
func (b *Chains) Readable(c *Chain) [][]byte { return b.seg[c.first():c.split()] }

// Writable returns the segments of c that the device may write to. None is empty, and there may be none.
func (b *Chains) Writable(c *Chain) [][]byte { return b.seg[c.split():c.end()] }

// Plain returns the segments of as many chains at the beginning as are one segment each, in the direction in which a
// queue that only reads, or only writes, takes them.
func (b *Chains) Plain() [][]byte { return b.seg[:b.plain] }

// Bytes returns how many bytes segments have together: fewer than 4 GiB, those of one chain.
func Bytes(segments [][]byte) int {
	n := 0
	for _, s := range segments {
		n += len(s)
	}
	return n
}

// reset empties b.
func (b *Chains) reset() { b.n, b.segs, b.plain = 0, 0, 0 }

// Package frame holds packet memory: one arena cut into equal buffers, the frames that name data in
// them, the batches frames travel in, and the caches they are allocated from.
//
// It is not a packet parser and knows no protocol.
//
// Memory: a [Pool] owns the arena, a memfd that can be registered as UMEM or shared with another
// process. A [Frame] is a value that names bytes of one buffer; whoever holds it owns the buffer, and
// passing a frame on passes ownership. Every frame has exactly one owner at any time.
//
// Thread-safety: Pool methods that take a frame are safe for the owner of that frame; a [Cache]
// belongs to one goroutine at a time; caches trade with the Pool without locks.
package frame

// MaxBatch is the most frames one call passes between components.
const MaxBatch = 64 // frames; swept in datapath: BenchmarkSwitch, see docs/performance.md

// Headroom is the number of bytes kept free in front of a received packet, for outer headers pushed
// in place. Ethernet 14, one VLAN tag 4, IPv6 40, UDP 8, GENEVE 8 with 252 bytes of options make
// 326; the next multiple of 64 keeps packets aligned to cache lines.
const Headroom = 384 // bytes

// Flags say in one look what else there is to know about a frame.
type Flags uint8

// Flag values.
const (
	// HasOffload: [Meta.Offload] is valid; without it the packet is complete as it stands.
	HasOffload Flags = 1 << iota
	// HasTunnel: the packet came out of a tunnel, and [Pool.Tunnel] has what its outer headers said. It
	// ends when the packet leaves by a port or gets outer headers again.
	HasTunnel
)

// A Frame names the data of one packet: the bytes of its first buffer and how many buffers follow.
// It holds no Go pointers, so arrays of frames cost the garbage collector nothing. The zero Frame
// names no data and must not be freed.
//
// All of it is one word, which is read and written at once: a struct of four fields would be put together in memory, part by part.
type Frame struct {
	word uint64 // first data byte, offset in bytes from the start of the arena 32; bytes of data in this buffer 16; buffers behind it 8; flags 8
}

// Where the parts of a Frame begin in its word.
const (
	lenAt   = 32
	moreAt  = 48
	flagsAt = 56
)

// at returns a frame of n bytes in one buffer, from offset off on.
func at(off uint32, n int) Frame { return Frame{uint64(off) | uint64(uint16(n))<<lenAt} }

// Off returns the offset of the first data byte from the start of the arena, in bytes.
func (f Frame) Off() uint32 { return uint32(f.word) }

// Len returns the number of data bytes in the first buffer; [Pool.Total] has the sum of a chain.
func (f Frame) Len() int { return int(uint16(f.word >> lenAt)) }

// More returns how many buffers follow the first in its chain; 0 for a packet in one buffer.
func (f Frame) More() int { return int(uint8(f.word >> moreAt)) }

// Flags returns the flags of f.
func (f Frame) Flags() Flags { return Flags(f.word >> flagsAt) }

// Plain reports whether f is a packet in one buffer, without flags: that More and Flags are 0.
func (f Frame) Plain() bool { return f.word>>moreAt == 0 }

// SetFlags replaces the flags of f.
func (f *Frame) SetFlags(v Flags) { f.word = f.word&(1<<flagsAt-1) | uint64(v)<<flagsAt }

// setLen makes f have n bytes in its first buffer.
func (f *Frame) setLen(n int) { f.word = f.word&^(0xffff<<lenAt) | uint64(uint16(n))<<lenAt }

// setMore makes n buffers follow the first one.
func (f *Frame) setMore(n int) { f.word = f.word&^(0xff<<moreAt) | uint64(uint8(n))<<moreAt }

// Moved returns what the word of a frame grows by when n bytes in front of its first one become its own, for assembly that writes many frames: a
// frame is its offset 32, from the lowest bit on, its length 16, and 0 in what is left if it is plain. There must be room, as Pool.Prepend
// wants it.
func Moved(n int) uint64 { return uint64(n)<<lenAt - uint64(n) }

// skip moves the first data byte by n bytes towards the end, of which there are as many; with a negative n towards the start, and there
// is room for them.
func (f *Frame) skip(n int) { f.word += Moved(-n) }

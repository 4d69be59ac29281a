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
type Frame struct {
	off   uint32 // first data byte, offset in bytes from the start of the arena
	len   uint16 // bytes of data in this buffer; [Pool.Total] has the sum of a chain
	more  uint8  // buffers that follow this one in its chain
	flags Flags
}

// Off returns the offset of the first data byte from the start of the arena, in bytes.
func (f Frame) Off() uint32 { return f.off }

// Len returns the number of data bytes in the first buffer.
func (f Frame) Len() int { return int(f.len) }

// More returns how many buffers follow the first; 0 for a packet in one buffer.
func (f Frame) More() int { return int(f.more) }

// Flags returns the flags of f.
func (f Frame) Flags() Flags { return f.flags }

// SetFlags replaces the flags of f.
func (f *Frame) SetFlags(v Flags) { f.flags = v }

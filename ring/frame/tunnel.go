package frame

import "encoding/binary"

// What is kept of the outer headers that a packet came in ([HasTunnel]) lies at the very start of its first
// buffer, where a received frame has headroom anyway, so that it goes where the frame goes:
//
//	bytes  0..63  the block of a flow key that outer headers are in (flow.Tunnel), as it is laid out there
//	bytes 48..55  of it: how many bytes of options follow; in the key, which of them are fields
//	bytes 64..    tunnel options (RFC 8926 section 3.5), as they were received
const (
	TunnelBlock   = 64  // bytes: one cache line
	TunnelOptions = 252 // bytes, at most (RFC 8926 section 3.4: 63 words of 4)
	TunnelRoom    = 320 // bytes, of which the last 4 are not used

	tunnelCount = 48 // 8: offset of the number of bytes of options
)

var _ [TunnelRoom - TunnelBlock - TunnelOptions]struct{}

// Tunnel returns the room for what is kept of the outer headers, the first bytes of f's first buffer. It is for
// the owner of f, whose data must not begin within it: see TunnelFits. Old bytes are in it unless HasTunnel is set.
func (p *Pool) Tunnel(f Frame) *[TunnelRoom]byte {
	return (*[TunnelRoom]byte)(p.mem[f.Off()&^p.mask:])
}

// TunnelFits reports whether there is room for outer headers in front of f's data.
func (p *Pool) TunnelFits(f Frame) bool { return p.Headroom(f) >= TunnelRoom }

// KeepTunnel gives all frames HasTunnel, and block as what is kept of their outer headers, which had no options. There must
// be room for it: see TunnelFits.
func (p *Pool) KeepTunnel(frames []Frame, block *[TunnelBlock]byte) {
	kept := *block // a copy that nothing else names is written without a call
	for i := range frames {
		*(*[TunnelBlock]byte)(p.Tunnel(frames[i])[:]) = kept
		frames[i].SetFlags(frames[i].Flags() | HasTunnel)
	}
}

// SetTunnelOptions says how many bytes of options lie behind the block, 0 to TunnelOptions.
func SetTunnelOptions(room *[TunnelRoom]byte, n int) {
	binary.BigEndian.PutUint64(room[tunnelCount:], uint64(n))
}

// TunnelOptionsOf returns the options behind the block.
func TunnelOptionsOf(room *[TunnelRoom]byte) []byte {
	n := min(binary.BigEndian.Uint64(room[tunnelCount:]), TunnelOptions)
	return room[TunnelBlock : TunnelBlock+n]
}

// copyTunnel gives dup, a copy of f in a buffer of its own, what is kept of f's outer headers.
func (p *Pool) copyTunnel(dup, f Frame) {
	to, from := p.Tunnel(dup), p.Tunnel(f)
	n := TunnelBlock + len(TunnelOptionsOf(from))
	copy(to[:n], from[:n])
}

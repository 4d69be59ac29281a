package encap

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// A usual is what pushUsual puts in front of packets: a stack over IPv4 that ends with two words of the tunnel's own, with nothing to fill
// in but lengths, source port and the checksum of the IPv4 header. The assembly goes by these offsets.
type usual struct {
	link    [linkPart]byte // 0: the beginning of the stack, its Ethernet header and more
	outer   [5]uint64      // 32: the IPv4 header and what is behind it, as they stand in memory, bytes 0, 8, 16, 24 and 28 on; what is filled in is 0
	sum     uint64         // 72: of the IPv4 header without its length
	size    uint64         // 80: bytes of the stack
	l3      uint64         // 88: where its IPv4 header is
	moved   uint64         // 96: what the word of a frame grows by when its start moves to that of the stack
	mask    uint64         // 104: which bits of an offset are the headroom
	arena   uint64         // 112: bytes of the arena
	entropy uint64         // 120: 0xffff if the source port comes from the packet, else 0
	keys    [2]uint64      // 128: of mix
}

// usual pushes the frames that are as most are: in one buffer and without flags, with room in front, and an IPv4 packet inside that has no
// options and no congestion mark and is no fragment. It returns a bit for each that it has pushed; the others it has left alone.
func (u *Pusher) usual() (done uint64) {
	size, l3 := u.d.size(), u.d.l3()
	if !pushesUsual || u.d&dV6 != 0 || size != l3+plainOuter {
		return 0
	}
	le, t, arena := binary.LittleEndian, &u.template, u.Pool.Memory()
	h := (*[plainOuter]byte)(u.stack[l3:size])
	t.link = [linkPart]byte(u.stack[:])
	t.outer = [5]uint64{le.Uint64(h[:]), le.Uint64(h[8:]) &^ (0xffff << 16), le.Uint64(h[16:]), le.Uint64(h[24:]), le.Uint64(h[28:])}
	t.sum = uint64(^binary.BigEndian.Uint16(h[wire.IPv4Checksum:]))
	t.size, t.l3, t.moved = uint64(size), uint64(l3), frame.Moved(size)
	t.mask, t.arena = uint64(u.Pool.BufferSize()-1), uint64(len(arena))
	t.entropy, t.keys = 0, [2]uint64{entropy1, entropy2}
	if u.d&dEntropy != 0 {
		t.entropy = 0xffff
	}
	n := len(u.frames)
	return pushUsual(&u.frames[0], n, &u.l3[:n][0], &u.l4[:n][0], &arena[0], t)
}

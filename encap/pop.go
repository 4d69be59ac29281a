package encap

import (
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Popper takes the packets of batches out of the tunnels they have come by.
//
// Thread-safety: one goroutine at a time. It is large and meant to live as long as its worker.
type Popper struct {
	// What became of the batch, valid until the next Pop. A frame with a bit in none of the three sets is as it was:
	// an ordinary packet of the port it came in by.
	Popped    uint64 // bit i: frame i has come by the tunnel of Port[i]; it begins with the inner packet now
	Dropped   uint64 // bit i: frame i is for a tunnel here, that of Port[i] if it is not 0, but wrong: Why[i]; the caller frees it
	Fragments uint64 // bit i: frame i is a fragment that may be of a packet for a tunnel here
	Options   uint64 // bit i: frame i was popped and has options in its frame.Pool.Tunnel
	Port      [frame.MaxBatch]uint32
	Why       [frame.MaxBatch]Reason

	// Partial says that senders may leave checksums to hardware that is not there, as behind a veth port
	// (pmd.Info.PartialChecksums).
	Partial bool

	c        *frame.Cache
	pool     *frame.Pool
	frames   []frame.Frame
	tunnels  *Tunnels
	arrivals [frame.MaxBatch]arrival
	hashes   [frame.MaxBatch]uint64
	bad      uint64 // bit i: frame i is wrong in itself: arrival.bad
	marked   uint64 // bit i: the outer header of frame i says ECT(1) or CE
	sound    uint64 // bit i: frame i has no outer checksum left to verify, and nothing that hardware was to do
	found    cache
	familiar [familiarHeaders]familiar
	met      [frame.MaxBatch]meeting
	alike    *familiar // header of all packets of the batch; nil: not all have the same familiar one
}

// An arrival is what is known of a frame that may have come by a tunnel.
type arrival struct {
	end
	tunnel  *Tunnel
	size    uint32 // bytes from the start of the frame to the end of the outer packet, without padding
	bits    uint32 // as MetaBits
	l3      uint16 // offset of the outer IP header in bytes
	l4      uint16 // offset of the UDP or GRE header in bytes
	inner   uint16 // offset of the inner frame in bytes
	gre     uint16 // flags of the GRE header
	gbp     GBP
	tos     uint8
	options uint8 // bytes of GENEVE options, in front of the inner frame
	bad     Reason
}

// key returns the key of a packet whose tunnel is found.
func (a *arrival) key() uint32 {
	key := uint32(a.where & whereKey)
	if k := &kinds[a.tunnel.Type]; a.where&whereGRE != 0 {
		key >>= k.shift
	}
	return key
}

// NewPopper returns a Popper that frees what it cuts off chains to c.
func NewPopper(c *frame.Cache) *Popper {
	return &Popper{c: c, pool: c.Pool()}
}

// Pop takes those of frames that belong to one of the tunnels out of it, and says in Popped, Dropped, Fragments what
// became of each. There are at most frame.MaxBatch.
//
// A popped frame has frame.HasTunnel, and in frame.Pool.Tunnel what its outer headers said. Its inner packet is a whole
// Ethernet header at least; padding behind the outer packet is cut off. Offload wishes about the inner packet stay with it.
func (x *Popper) Pop(t *Tunnels, frames []frame.Frame) {
	x.PopBare(t, frames)
	if kept := x.Alike(); kept != nil {
		x.pool.KeepTunnel(frames, kept)
	}
}

// PopBare is Pop for who often needs nothing more of outer headers than Alike says: if that is not nil, the frames have
// no flags, and nothing is kept with them. frame.Pool.KeepTunnel is how they get it.
func (x *Popper) PopBare(t *Tunnels, frames []frame.Frame) {
	x.alike = nil
	x.Popped, x.Dropped, x.Fragments, x.Options = 0, 0, 0, 0
	if len(t.classes) == 0 {
		return
	}
	x.tunnels, x.frames = t, frames
	if x.meetAlike() {
		return
	}
	// 1. Outer headers. Most frames of a port that is not for tunnels alone end here.
	set := x.arrive()
	if set == 0 {
		return
	}
	// 2. Tunnels. Packets that look like a tunnel's but are of none here stay ordinary ones.
	set = x.find(set)
	// 3. Headers of the tunnels' types, all frames of a type at once.
	x.open(set)
	// 4. What is left may be wrong all the same: checksums, congestion.
	x.verify(set &^ x.Dropped &^ x.sound)
	x.congestion(set & x.marked &^ x.Dropped)
	// 5. Off with the outer headers.
	x.strip(set &^ x.Dropped)
}

// Alike returns what is kept of the outer headers of the batch if all its packets are popped, by the tunnel of Port[0], and
// have the same ones, which are familiar; else nil. It is valid until the next Pop.
func (x *Popper) Alike() *[frame.TunnelBlock]byte {
	if x.alike == nil {
		return nil
	}
	return &x.alike.kept
}

// drop notes that frame i is wrong.
func (x *Popper) drop(i int, why Reason) {
	x.Dropped |= 1 << i
	x.Why[i], x.Port[i] = why, 0
	if t := x.arrivals[i].tunnel; t != nil {
		x.Port[i] = t.Port
	}
}

// header returns the first n bytes of frame i behind the UDP header; nil when the packet or its first buffer does not
// have as many.
func (x *Popper) header(i, n int) []byte {
	a := &x.arrivals[i]
	pkt := x.pool.Bytes(x.frames[i])
	at := int(a.l4) + 8
	if at+n > min(len(pkt), int(a.size)) {
		return nil
	}
	return pkt[at : at+n]
}

// open runs the open functions of the types that frames in set are of.
func (x *Popper) open(set uint64) {
	var of [NumTypes]uint64
	for left := set; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		of[x.arrivals[i].tunnel.Type] |= 1 << i
	}
	for t, of := range of {
		if of != 0 {
			kinds[t].open(x, of)
		}
	}
}

// strip moves the starts of the frames in set behind their outer headers and puts metadata in front of them.
func (x *Popper) strip(set uint64) {
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		a, f := &x.arrivals[i], &x.frames[i]
		pkt := x.pool.Bytes(*f)
		if int(a.inner)+wire.EthernetSize > min(len(pkt), int(a.size)) {
			x.drop(i, BadLength)
			continue
		}
		if x.pool.Total(*f) > int(a.size) {
			flags := f.Flags() // a wish is about the inner packet, which is not cut
			x.c.Cut(f, int(a.size))
			f.SetFlags(flags)
		}
		if f.Flags() != 0 {
			x.moveOffload(*f, int(a.inner))
		}
		if !x.pool.Trim(f, int(a.inner)) || !x.pool.TunnelFits(*f) {
			x.drop(i, NoHeadroom)
			continue
		}
		f.SetFlags(f.Flags() | frame.HasTunnel)
		room := x.pool.Tunnel(*f)
		if a.options != 0 { // first: in a small headroom they lie in what follows
			copy(room[MetaBlock:], pkt[a.inner-uint16(a.options):a.inner])
			x.Options |= 1 << i
		}
		a.describe(room)
		x.Popped |= 1 << i
		x.Port[i] = a.tunnel.Port
		if f.Flags() == frame.HasTunnel {
			x.learn(i, pkt[:a.inner])
		}
	}
}

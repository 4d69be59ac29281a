package flow

import (
	"math/bits"
	"sync/atomic"

	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/ring/frame"
)

// What frame.Pool.Tunnel holds is the block as it is laid out here.
var (
	_ = [1]struct{}{}[Version-3]
	_ = [1]struct{}{}[BlockSize-frame.TunnelBlock]
	_ = [1]struct{}{}[OffTunID-encap.MetaKey]
	_ = [1]struct{}{}[OffTunSrc-encap.MetaSrc]
	_ = [1]struct{}{}[OffTunDst-encap.MetaDst]
	_ = [1]struct{}{}[OffTunIP6Src-encap.MetaSrc6]
	_ = [1]struct{}{}[OffTunIP6Dst-encap.MetaDst6]
	_ = [1]struct{}{}[OffTunPresent-encap.MetaPresent]
	_ = [1]struct{}{}[OffTunBits-encap.MetaBits]
	_ = [1]struct{}{}[OffTunGBPID-encap.MetaGBP]
	_ = [1]struct{}{}[OffTunGBPFlags-encap.MetaGBPFlags]
	_ = [1]struct{}{}[OffTunTOS-encap.MetaTOS]
)

// PortOptions says by which map the tunnel options of each port's packets become fields: ports of different
// bridges have different ones. The zero value, and nil, have none.
//
// Thread-safety: Set may be called while others extract keys, which go by the maps before or after.
type PortOptions struct {
	maps atomic.Pointer[[]*TLVMap] // by port
}

// Set replaces the maps, which are those of ports 0, 1, 2 and so on. The slice must not be changed after.
func (o *PortOptions) Set(byPort []*TLVMap) { o.maps.Store(&byPort) }

// Of returns the map of a port; nil if it has none.
func (o *PortOptions) Of(port uint32) *TLVMap {
	if o == nil {
		return nil
	}
	maps := o.maps.Load()
	if maps == nil || int(port) >= len(*maps) {
		return nil
	}
	return (*maps)[port]
}

// tunnels adds to the keys of packets that came out of a tunnel what its headers said. parsed has a bit for each key
// that plain has not made.
func (e *Extractor) tunnels(p *frame.Pool, port uint32, b *frame.Batch, k *Keys, parsed uint64) {
	options := e.Options.Of(port)
	var again uint64 // base blocks that have changed since they were hashed
	for i, f := range b.Frames() {
		if f.Flags()&frame.HasTunnel == 0 || k.Short>>i&1 != 0 {
			continue
		}
		kept := p.Tunnel(f)
		to := &k.Block[Tunnel][i]
		to.copy((*Block)(kept[:]))
		if to.word(OffTunPresent/8) == 0 && parsed>>i&1 == 0 {
			k.Hash[i] = HashBlock(k.Hash[i], to, &e.Seed)
			continue
		}
		again |= 1 << i
		if !k.tunnel(i, kept, options) {
			k.Refused |= 1 << i
		}
	}
	for ; again != 0; again &= again - 1 {
		k.hash(bits.TrailingZeros64(again), &e.Seed)
	}
}

// alike gives all keys the tunnel block kept. parsed has a bit for each that plain has not made. What the block adds to
// hashes is made once.
func (k *Keys) alike(kept *Block, parsed uint64, seed *Seed) {
	to, block := k.Block[Tunnel][:k.N], *kept // a copy that nothing else names is written without a call
	for i := range to {
		to[i] = block
	}
	v0, v1, v2, v3 := products(kept, seed)
	for i := range k.Hash[:k.N] {
		k.Hash[i] = join(k.Hash[i], v0, v1, v2, v3, seed)
	}
	for ; parsed != 0; parsed &= parsed - 1 {
		i := bits.TrailingZeros64(parsed)
		k.Block[Base][i][OffBlocks] |= 1 << Tunnel
		k.hash(i, seed)
	}
}

// tunnel completes key i, whose tunnel block is there as it was kept. It reports false if there are options by which
// the packet must not be accepted.
func (k *Keys) tunnel(i int, kept *[frame.TunnelRoom]byte, m *TLVMap) bool {
	k.Block[Base][i][OffBlocks] |= 1 << Tunnel
	to := &k.Block[Tunnel][i]
	if to.load(OffTunPresent, 8) == 0 {
		return true
	}
	to.store(OffTunPresent, 8, 0)
	return k.options(i, frame.TunnelOptionsOf(kept), m)
}

// options puts tunnel options as they were received (RFC 8926 section 3.5) into key i. Those that m does not know
// are passed over, unless they are critical; it then reports false, as it does if one has not the length that m
// says, or they are cut short.
func (k *Keys) options(i int, raw []byte, m *TLVMap) bool {
	var present uint64
	var blocks uint8
	for len(raw) >= optionHeader {
		size := int(raw[3]&0x1f) * optionWord
		id := optionID(uint16(raw[0])<<8|uint16(raw[1]), raw[2])
		if raw = raw[optionHeader:]; len(raw) < size {
			return false
		}
		value := raw[:size]
		raw = raw[size:]
		switch o := m.find(id); {
		case o != nil && o.place.Size() != size, o == nil && id&optionCritical != 0:
			return false
		case o != nil:
			blocks = k.option(i, blocks, o.place, value)
			present |= 1 << (o.field - FieldTunMetadata0)
		}
	}
	k.Block[Tunnel][i].store(OffTunPresent, 8, present)
	k.Block[Base][i][OffBlocks] |= blocks
	return len(raw) == 0
}

// option puts the value of an option into key i, whose blocks of options have been cleared that have a bit in had.
// It returns had with those that it used.
func (k *Keys) option(i int, had uint8, p *Place, value []byte) uint8 {
	for w := range int(p.n) {
		b, off := p.Block(w)
		if had&(1<<b) == 0 {
			had |= 1 << b
			k.Block[b][i] = Block{}
		}
		copy(k.Block[b][i][off:off+optionWord], value[w*optionWord:])
	}
	return had
}

// PutTunnel writes what k says of outer headers into room, as if a packet with them had been received: options that
// m maps, of which those that have no room are left out. It reports whether k says anything of outer headers.
func (k *Key) PutTunnel(room *[frame.TunnelRoom]byte, m *TLVMap) bool {
	if k[Tunnel].IsZero() {
		return false
	}
	copy(room[:], k[Tunnel][:])
	options := m.AppendOptions(room[frame.TunnelBlock:frame.TunnelBlock], k)
	frame.SetTunnelOptions(room, len(options))
	return true
}

// AppendOptions appends the tunnel options that k has, as GENEVE carries them (RFC 8926 section 3.5), in the order
// of their fields, as far as a header has room: frame.TunnelOptions bytes.
func (m *TLVMap) AppendOptions(dst []byte, k *Key) []byte {
	left := frame.TunnelOptions
	for _, o := range m.Options() {
		size := optionHeader + int(o.Size)
		if k.Uint(o.Field) == 0 || size > left {
			continue
		}
		left -= size
		dst = append(dst, byte(o.Class>>8), byte(o.Class), o.Type, o.Size/optionWord)
		var value [maxOptionSize]byte
		k.Option(m.Place(o.Field), value[:])
		dst = append(dst, value[:o.Size]...)
	}
	return dst
}

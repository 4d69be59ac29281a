package underlay

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"sync"

	"github.com/culvertdev/culvert/encap/neighbour"
)

// A changeLog knows of each of the 64 tags when it last changed. That is all it keeps, so that a flood of changes costs
// neither memory nor time; what shares a tag with something that changed is looked up again in vain.
//
// Thread-safety: all methods may be called at the same time.
type changeLog struct {
	mu      sync.Mutex
	version uint64 // changes so far
	tags    [64]uint64
	untold  uint64 // tags since the last call of news
}

// changed notes that what tags stand for has changed.
func (l *changeLog) changed(tags uint64) {
	if tags == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version++
	l.untold |= tags
	for ; tags != 0; tags &= tags - 1 {
		l.tags[bits.TrailingZeros64(tags)] = l.version
	}
}

// news returns the tags that have changed since the last call.
func (l *changeLog) news() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	tags := l.untold
	l.untold = 0
	return tags
}

// Changes returns the tags of ways that have changed after version since, and the version now. Since version 0 all
// have.
func (s *Stack) Changes(since uint64) (tags, version uint64) {
	l := &s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.version + 1 // versions that callers know are one more, so that 0 is "never asked"
	if since == 0 || since > now {
		return ^uint64(0), now
	}
	for i, at := range l.tags {
		if at >= since {
			tags |= 1 << i
		}
	}
	return tags, now
}

// tag returns the bit that stands for v, another one in each run.
func (s *Stack) tag(v uint64) uint64 {
	hi, lo := bits.Mul64(v^s.o.Seed, 0x9e3779b97f4a7c15)
	return 1 << ((hi ^ lo) >> 58)
}

// Kinds of what tags stand for.
const (
	tagIface = iota + 1
	tagHost
	tagDestination
)

// anyIface stands for all interfaces together.
const anyIface = 1<<16 - 1

// ifaceTag stands for what an interface is.
func (s *Stack) ifaceTag(link uint16) uint64 { return s.tag(tagIface<<60 | uint64(link)) }

// hostTag stands for what is known of a neighbour.
func (s *Stack) hostTag(h neighbour.Host) uint64 {
	hi, lo := words(h.Addr)
	return s.tag(tagHost<<60 ^ uint64(h.Link)<<40 ^ bits.RotateLeft64(hi, 17) ^ lo)
}

// Bits of an address that tell destinations apart: all with the same have one tag.
const (
	destinationBits4 = 24
	destinationBits6 = 64
)

// destinationTag stands for the routes to an address.
func (s *Stack) destinationTag(dst netip.Addr) uint64 {
	hi, lo := words(dst)
	if dst.Is4() {
		hi = lo >> (32 - destinationBits4)
	}
	return s.tag(tagDestination<<60 ^ uint64(family(dst))<<59 ^ hi)
}

// prefixTags stands for the routes to all addresses in a prefix.
func (s *Stack) prefixTags(p netip.Prefix) (tags uint64) {
	most := destinationBits4
	if p.Addr().Is6() {
		most = destinationBits6
	}
	spread := most - p.Bits()
	if spread <= 0 {
		return s.destinationTag(p.Addr())
	}
	if spread > 6 {
		return ^uint64(0) // so many that they have all tags, or nearly
	}
	hi, lo := words(p.Masked().Addr())
	for i := range uint64(1) << spread {
		if p.Addr().Is4() {
			tags |= s.destinationTag(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(lo+i<<(32-destinationBits4))))))
			continue
		}
		b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, hi+i), 0)
		tags |= s.destinationTag(netip.AddrFrom16([16]byte(b)))
	}
	return tags
}

// words returns an address as two numbers, the last four bytes of an IPv4 one in lo.
func words(a netip.Addr) (hi, lo uint64) {
	if a.Is4() {
		b := a.As4()
		return 0, uint64(binary.BigEndian.Uint32(b[:]))
	}
	b := a.As16()
	return binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
}

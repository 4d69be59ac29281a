package stream

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/bench/gen/stamp"
	"github.com/culvertdev/culvert/encap/wire"
)

// headMax is how many bytes of a frame are copied anew each time: more than any headers take (two Ethernet headers
// with tags, two of IPv6 and UDP, one of a tunnel: 140), and whole cache lines.
const headMax = 192

// A template is what frames of one size have in common.
type template struct {
	head  []byte // the first bytes of the frame, headMax at most
	id    uint32 // of the head: see Bodies
	total int    // bytes of the frame
	ip    sum    // of the inner IPv4 header
	udp   sum    // of the inner datagram
	outer sum    // of the outer datagram
	odd   bool   // the stamp begins at an odd byte of the datagram
	port  int    // offset of the outer source port; 0 without a tunnel
}

// A sum is a checksum that is ready but for the words that change.
type sum struct {
	at    int    // offset of the checksum in the frame; 0: there is none
	ready uint64 // sum of all other words, with 0 in place of the checksum
}

// newTemplate builds what frames of a size have in common, and how flows differ. room is that of a buffer.
func newTemplate(s Spec, size, room int) (t *template, how []edit, err error) {
	outer := s.outerSize()
	b := make([]byte, outer+size)
	for at := 0; at < len(b); {
		n := piece(len(b)-at, room)
		copy(b[at:at+n], pattern[:])
		at += n
	}
	inner := b[outer:]
	six := s.Source.Address.Is6()
	l, err := putUDP(inner, s.Source, s.Destination, s.VLAN)
	if err != nil {
		return nil, nil, err
	}
	clear(b[len(b)-stamp.Size:])
	if how, err = edits(s.Vary, s.Flows, l, inner, six); err != nil {
		return nil, nil, err
	}
	t = &template{total: len(b), odd: (len(inner)-stamp.Size-l.l4)%2 != 0}
	t.udp = sum{outer + l.l4 + 6, uint64(pseudo(inner, l, six)) + uint64(wire.Sum(inner[l.l4:], 0))}
	if !six {
		t.ip = sum{outer + l.l3 + wire.IPv4Checksum, uint64(wire.Sum(inner[l.l3:l.l4], 0))}
	}
	if s.Tunnel != nil {
		if err := t.wrap(b, outer, s.Tunnel, how); err != nil {
			return nil, nil, err
		}
	}
	for i := range how { // what write adds, less what is there
		e := &how[i]
		e.at += outer
		if e.in&inUDP != 0 {
			t.udp.less(e.base)
		}
		if e.in&inIP != 0 {
			t.ip.less(e.base)
		}
	}
	t.head = b[:min(len(b), headMax)]
	return t, how, nil
}

// less takes a word, which may have 32 bits, out of the sum: in ones' complement, 2^32-1 is 0.
func (s *sum) less(word uint32) { s.ready += uint64(^word) }

// outerSize returns the bytes that a tunnel puts in front.
func (s Spec) outerSize() int {
	if s.Tunnel == nil {
		return 0
	}
	return headerSize(s.Tunnel.Source.Address.Is6(), s.Tunnel.VLAN) + tunnelSize
}

// wrap writes a tunnel's headers to the first bytes of b, in front of a frame without checksums.
//
// The outer checksum covers the whole of the inner frame, and still few words of that count: with its own checksums
// right, an IPv4 header sums up to 0, and a datagram to the negative of its pseudo-header. So what is left to add of a
// frame is its Ethernet header, less the IPv4 addresses; those of IPv6 are in the header and, negative, in the
// pseudo-header.
func (t *template) wrap(b []byte, outer int, tun *Tunnel, how []edit) error {
	kind := tunnels[tun.Type]
	from, to := tun.Source, tun.Destination
	from.Port, to.Port = 0, kind.port
	l, err := putUDP(b, from, to, tun.VLAN)
	if err != nil {
		return err
	}
	h := b[outer-tunnelSize : outer]
	clear(h)
	kind.header(h)
	kind.vni(h, tun.VNI)
	six := from.Address.Is6()
	if !six {
		binary.BigEndian.PutUint16(b[l.l3+wire.IPv4Checksum:], wire.Checksum(b[l.l3:l.l4]))
	}
	t.port = l.l4
	if !six && !tun.Checksum {
		return nil
	}
	whole := append([]byte(nil), b...)
	t.finish(whole, t.udp.ready, t.ip.ready)
	t.outer = sum{l.l4 + 6, uint64(pseudo(b, l, six)) + uint64(wire.Sum(whole[l.l4:], 0))}
	for i := range how {
		switch e := &how[i]; {
		case e.in&inMAC != 0:
			t.outer.less(e.base)
		case e.in&inIP != 0:
			t.outer.ready += uint64(e.base)
		}
	}
	return nil
}

// write makes b, which are the first bytes of a frame, those of a flow's. stamp is the sum of the words of the stamp at the
// frame's end.
func (t *template) write(b []byte, how []edit, flow uint32, stamp uint64) {
	udp, ip, outer := t.udp.ready, t.ip.ready, t.outer.ready
	for i := range how {
		e := &how[i]
		v := e.value(flow)
		e.put(b, v)
		if e.in&inUDP != 0 {
			udp += uint64(v)
		}
		if e.in&inIP != 0 {
			ip += uint64(v)
			outer += uint64(^v)
		}
		if e.in&inMAC != 0 {
			outer += uint64(v)
		}
	}
	if t.odd { // every byte is in the other half of its word
		stamp = uint64(swap(fold(stamp)))
	}
	t.finish(b, udp+stamp, ip)
	if t.port == 0 {
		return
	}
	port := entropy(flow)
	binary.BigEndian.PutUint16(b[t.port:], port)
	if t.outer.at != 0 {
		put(b[t.outer.at:], outer+uint64(port))
	}
}

// finish writes the inner checksums.
func (t *template) finish(b []byte, udp, ip uint64) {
	put(b[t.udp.at:], udp)
	if t.ip.at != 0 {
		binary.BigEndian.PutUint16(b[t.ip.at:], ^fold(ip))
	}
}

// put writes a UDP checksum, which is never 0: that would say that there is none (RFC 768).
func put(b []byte, sum uint64) {
	c := ^fold(sum)
	if c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(b, c)
}

// fold returns the sum of the four words of s: added to itself with its halves changed over, each half has the sum of both,
// and the carry of the lower one goes to the upper.
func fold(s uint64) uint16 {
	half := uint32((s + bits.RotateLeft64(s, 32)) >> 32)
	return uint16((half + bits.RotateLeft32(half, 16)) >> 16)
}

func swap(v uint16) uint16 { return v<<8 | v>>8 }

// entropy returns the outer source port of a flow, from the dynamic range as RFC 7348 section 5 and RFC 8926 section
// 3.3 want it. Neighbouring flows have ports far apart, by multiplication with 2^32 over the golden ratio.
func entropy(flow uint32) uint16 { return uint16(0xc000 | flow*2654435769>>18) }

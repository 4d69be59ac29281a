package encap

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// innerTCP returns an Ethernet frame with a TCP packet of n payload bytes, its checksum left to others.
func innerTCP(v6 bool, n int) []byte {
	src, dst := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	if v6 {
		src, dst = netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
	}
	b := wire.NewIP([6]byte{2, 1}, [6]byte{2, 2}, src, dst, wire.ProtoTCP, wire.TCPSize+n)
	b[len(b)-n-wire.TCPSize+wire.TCPDataOff] = 5 << 4
	return b
}

func TestAKernelsTunnelPacketsThatAreNotCutYetComeOutAsSuch(t *testing.T) {
	l := newLab(t)
	const n = 9000
	for _, c := range []struct {
		name   string
		v6     bool // inside
		change func(o *frame.Offload)
		want   Reason
	}{
		{"TCP", false, func(*frame.Offload) {}, Good},
		{"TCP over IPv6", true, func(*frame.Offload) {}, Good},
		{"with ECN", false, func(o *frame.Offload) { o.GSO |= frame.GSOECN }, Good},
		{"as another family's", true, func(o *frame.Offload) { o.GSO = frame.GSOTCPv4 }, Unfinished},
		{"outer datagrams", false, func(o *frame.Offload) { o.GSO = frame.GSOUDPL4 }, Unfinished},
		{"without a size", false, func(o *frame.Offload) { o.GSOSize = 0 }, Unfinished},
		{"with a checksum that is not left", false, func(o *frame.Offload) { o.Csum = 0 }, Unfinished},
		{"with a checksum in another place", false, func(o *frame.Offload) { o.CsumStart -= 2 }, Unfinished},
		{"with a checksum in front of what is inside", false, func(o *frame.Offload) { o.CsumStart = 34 }, Unfinished},
	} {
		for _, o := range []Outer{over4(Outer{Type: VXLAN}), over6(Outer{Type: VXLAN, Checksum: true}), over4(Outer{Type: GRE, Checksum: true})} {
			inner := innerTCP(c.v6, n)
			pkt := l.push(&o, inner)
			outer := len(pkt) - len(inner)
			if o.Src.Is4() {
				pkt[14+20+wire.UDPChecksum]++ // nobody has made the outer checksum
			}
			wish := frame.Offload{GSO: frame.GSOTCPv4, GSOSize: 1400, Csum: frame.NeedsCsum, CsumOffset: wire.TCPChecksum, CsumStart: uint16(len(pkt) - n - wire.TCPSize)}
			if c.v6 {
				wish.GSO = frame.GSOTCPv6
			}
			c.change(&wish)
			fs := []frame.Frame{l.frame(pkt)}
			fs[0].SetFlags(frame.HasOffload)
			l.pool.Meta(fs[0]).Offload = wish
			l.popper.Pop(l.tunnels(&o), fs)
			if c.want != Good {
				if l.popper.Dropped != 1 || l.popper.Why[0] != c.want {
					t.Errorf("%s in %s: dropped %d, %s", c.name, o.Type, l.popper.Dropped, l.popper.Why[0])
				}
				l.c.Put(fs[0])
				continue
			}
			got := l.pool.Meta(fs[0]).Offload
			wish.CsumStart -= uint16(outer)
			wish.HeaderLen = uint16(len(inner) - n)
			if l.popper.Popped != 1 || !bytes.Equal(l.bytes(fs[0]), inner) || got != wish || fs[0].Flags()&frame.HasOffload == 0 {
				t.Errorf("%s in %s over %s: %s, with the wish %+v, want %+v", c.name, o.Type, o.Src, l.popper.Why[0], got, wish)
			}
			l.c.Put(fs[0])
		}
	}
}

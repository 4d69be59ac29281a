package encap

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// A lab has one of everything that packets go into tunnels and come out of them by.
type lab struct {
	t      testing.TB
	pool   *frame.Pool
	c      *frame.Cache
	pusher *Pusher
	popper *Popper
}

func newLab(t testing.TB) *lab {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 512, Audit: true, Huge: frame.HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	c, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, pool: pool, c: c, popper: NewPopper(c), pusher: &Pusher{Pool: pool, Counters: new(Counters)}}
	t.Cleanup(func() {
		c.Close()
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// frame returns a frame with data in it, in a buffer that was full of something else.
func (l *lab) frame(data []byte) frame.Frame {
	l.t.Helper()
	f, ok := l.c.FromBytes(data)
	if !ok {
		l.t.Fatal("no buffer for a frame")
	}
	room := l.pool.Tunnel(f)
	for i := range room {
		room[i] = 0xa5
	}
	return f
}

// bytes returns what is in f.
func (l *lab) bytes(f frame.Frame) []byte { return l.pool.AppendTo(nil, f) }

// push puts data into the tunnel that o says and returns the packet.
func (l *lab) push(o *Outer, data []byte) []byte {
	l.t.Helper()
	words, err := AppendStack(nil, o)
	if err != nil {
		l.t.Fatal(err)
	}
	fs := []frame.Frame{l.frame(data)}
	l3, l4 := places(data)
	if left := l.pusher.Push(words, fs, []uint16{l3}, []uint16{l4}); left != 0 {
		l.t.Fatalf("not pushed: %s", l.pusher.Why(words, fs[0]))
	}
	defer l.c.Put(fs[0])
	return l.bytes(fs[0])
}

// places returns the offsets of the network and transport headers of data, 0 where there is none.
func places(data []byte) (l3, l4 uint16) {
	at, typ := network(data, 0)
	switch {
	case at == 0 || len(data) <= at:
		return uint16(at), 0
	case typ == wire.TypeIPv4:
		return uint16(at), uint16(at) + uint16(data[at]&15)*4
	case typ == wire.TypeIPv6:
		return uint16(at), uint16(at) + wire.IPv6Size
	}
	return uint16(at), 0
}

// A popped is what became of one packet.
type popped struct {
	port     uint32 // 0: it did not come by a tunnel
	why      Reason
	fragment bool
	inner    []byte // or the packet as it was
	block    [MetaBlock]byte
	options  []byte
}

// pop hands a packet to the Popper.
func (l *lab) pop(t *Tunnels, pkt []byte) popped {
	l.t.Helper()
	fs := []frame.Frame{l.frame(pkt)}
	l.popper.Pop(t, fs)
	defer l.c.Put(fs[0])
	return l.popped(0, fs[0])
}

// popped returns what became of f, frame i of the batch that was popped last.
func (l *lab) popped(i int, f frame.Frame) popped {
	l.t.Helper()
	x := l.popper
	r := popped{inner: l.bytes(f), fragment: x.Fragments>>i&1 != 0}
	switch {
	case x.Dropped>>i&1 != 0:
		r.why = x.Why[i]
	case x.Popped>>i&1 != 0:
		room := l.pool.Tunnel(f)
		r.port, r.options = x.Port[i], bytes.Clone(frame.TunnelOptionsOf(room))
		if has := x.Options>>i&1 != 0; has != (len(r.options) > 0) {
			l.t.Errorf("options %x: Options says %t", r.options, has)
		}
		copy(r.block[:], room[:])
		clear(r.block[MetaPresent : MetaPresent+8]) // how many bytes of options: seen already
	}
	return r
}

// tunnels returns a table for the far ends of outers, whose tunnels have ports 1, 2, ….
func (l *lab) tunnels(outers ...*Outer) *Tunnels {
	l.t.Helper()
	var addrs []Address
	var list []Tunnel
	for i, o := range outers {
		if a := (Address{o.Dst, o.VLAN & 0xfff, o.DstMAC}); !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
		list = append(list, Tunnel{
			Port: uint32(i + 1), Type: o.Type, Local: o.Dst, Remote: o.Src, UDPPort: o.DstPort, Key: o.Key,
			GBP: o.HasGBP, GPE: o.GPE, ZeroChecksum6: true,
		})
	}
	t, err := NewTunnels(addrs, list)
	if err != nil {
		l.t.Fatal(err)
	}
	return t
}

var (
	addr4a = netip.MustParseAddr("192.0.2.1")
	addr4b = netip.MustParseAddr("192.0.2.2")
	addr6a = netip.MustParseAddr("2001:db8::1")
	addr6b = netip.MustParseAddr("2001:db8::2")
)

// macB is the Ethernet address of the other end.
var macB = [6]byte{2, 0, 0, 0, 0, 2}

// over4 returns o between two IPv4 addresses, and what else an Outer must have.
func over4(o Outer) Outer {
	o.SrcMAC, o.DstMAC = [6]byte{2, 0, 0, 0, 0, 1}, macB
	o.Src, o.Dst, o.TTL = addr4a, addr4b, 64
	return o
}

// over6 is the same between two IPv6 addresses.
func over6(o Outer) Outer {
	o = over4(o)
	o.Src, o.Dst = addr6a, addr6b
	return o
}

// innerUDP returns an Ethernet frame with a UDP packet of n payload bytes.
func innerUDP(tos uint8, n int) []byte {
	b := []byte{0x52, 0, 0, 0, 0, 2, 0x52, 0, 0, 0, 0, 1, 0x08, 0}
	ip := []byte{0x45, tos, 0, 0, 0, 1, 0x40, 0, 33, wire.ProtoUDP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	binary.BigEndian.PutUint16(ip[wire.IPv4Length:], uint16(wire.IPv4Size+wire.UDPSize+n))
	binary.BigEndian.PutUint16(ip[wire.IPv4Checksum:], wire.Checksum(ip))
	udp := []byte{0x30, 0x39, 0x9c, 0x40, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(udp[wire.UDPLength:], uint16(wire.UDPSize+n))
	for i := range n {
		udp = append(udp, byte(i))
	}
	binary.BigEndian.PutUint16(udp[wire.UDPChecksum:], ^wire.Fold(wire.Sum(udp, wire.PseudoIPv4(ip, wire.ProtoUDP, len(udp)))))
	return append(append(b, ip...), udp...)
}

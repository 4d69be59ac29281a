package encap

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// Two hosts have one address, and the switch between them floods.
func TestAPacketForOneOfTwoHostsWithTheSameAddressComesOutThereOnly(t *testing.T) {
	l := newLab(t)
	eachShape(t, func(t *testing.T, o Outer) {
		l.t = t
		there := o
		there.DstMAC[5]++
		hosts := []*Tunnels{l.tunnels(&o), l.tunnels(&there)}
		inner := innerUDP(0, 30)
		for to, packet := range [][]byte{l.push(&o, inner), l.push(&there, inner)} {
			for range 2 { // the second time the header is a familiar one, if it can be
				for at, host := range hosts {
					got := l.pop(host, packet)
					want := popped{inner: packet}
					if at == to {
						want = popped{port: 1, inner: inner, block: got.block, options: got.options}
					}
					if !reflect.DeepEqual(got, want) {
						t.Errorf("for host %d, at host %d: port %d, %s, % x", to, at, got.port, got.why, got.inner)
					}
				}
			}
		}
	})
}

func TestAPacketForAnotherHostIsNotTakenWithTheRestOfItsBatch(t *testing.T) {
	for name, o := range familiarOuters() {
		l := newLab(t)
		there := o
		there.DstMAC[0] ^= 0x10
		tunnels := l.tunnels(&o)
		ours, others := l.push(&o, innerUDP(0, 30)), l.push(&there, innerUDP(0, 30))
		l.pop(tunnels, ours)
		for at := range 3 {
			fs := []frame.Frame{l.frame(ours), l.frame(ours), l.frame(ours)}
			l.c.Put(fs[at])
			fs[at] = l.frame(others)
			l.popper.Pop(tunnels, fs)
			if want := uint64(7 &^ (1 << at)); l.popper.Popped != want || l.popper.Dropped != 0 || !bytes.Equal(l.bytes(fs[at]), others) {
				t.Errorf("%s: popped %b, dropped %b, want %b and none", name, l.popper.Popped, l.popper.Dropped, want)
			}
			for _, f := range fs {
				l.c.Put(f)
			}
		}
	}
}

func TestWhatIsWrongWithPacketsForAnotherHostIsNotCountedHere(t *testing.T) {
	l := newLab(t)
	o := over4(Outer{Type: GRE, Key: 5, HasKey: true})
	tunnels := l.tunnels(&o)
	packet := l.push(&o, innerUDP(0, 30))
	packet[34+1] = 1 // the version
	if got := l.pop(tunnels, packet); got.why != BadHeader {
		t.Errorf("for this host: %s", got.why)
	}
	packet[5]++
	if got := l.pop(tunnels, packet); got.why != Good || got.port != 0 || !bytes.Equal(got.inner, packet) {
		t.Errorf("for another: port %d, %s", got.port, got.why)
	}
}

func TestFragmentsForAnotherHostAreNotKeptHere(t *testing.T) {
	l := newLab(t)
	for _, o := range []Outer{over4(Outer{Type: VXLAN, Key: 5}), over6(Outer{Type: GRE, Key: 5, HasKey: true})} {
		tunnels := l.tunnels(&o)
		pieces, why := l.cut(l.outerPacket(o, 3000), 1500)
		if why != Good {
			t.Fatal(why)
		}
		for _, f := range pieces.Frames() {
			piece := l.bytes(f)
			if !l.pop(tunnels, piece).fragment {
				t.Error("a fragment for this host is none of its tunnels'")
			}
			piece[5]++
			if l.pop(tunnels, piece).fragment {
				t.Error("a fragment for another host is kept")
			}
		}
		l.c.PutBatch(&pieces)
	}
}

// A group has an Ethernet address of its own, which all who listen to it take.
func TestPacketsToAGroupAreThoseToItsEthernetAddress(t *testing.T) {
	l := newLab(t)
	for _, c := range []struct {
		group string
		o     Outer
	}{
		{"239.129.1.1", over4(Outer{Type: VXLAN, Key: 5})},
		{"ff05::1:3", over6(Outer{Type: VXLAN, Key: 5})},
	} {
		o := c.o
		o.Dst = netip.MustParseAddr(c.group)
		tunnels, err := NewTunnels([]Address{{o.Dst, 0, macB}}, []Tunnel{{Port: 1, Type: VXLAN, Key: 5, ZeroChecksum6: true}})
		if err != nil {
			t.Fatal(err)
		}
		for mac, want := range map[[6]byte]uint32{wire.GroupMAC(o.Dst): 1, macB: 0, wire.Broadcast: 0} {
			o.DstMAC = mac
			if got := l.pop(tunnels, l.push(&o, innerUDP(0, 30))); got.port != want {
				t.Errorf("%s at % x: port %d, want %d", c.group, mac, got.port, want)
			}
		}
	}
}

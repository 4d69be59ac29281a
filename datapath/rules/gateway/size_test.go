package gateway

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// narrow is a gateway with ports of these MTUs in the order of their numbers.
func narrow(tb testing.TB, c Config, mtu ...int) *bench {
	tb.Helper()
	b := newBench(tb, c)
	ports := append([]rules.Port{}, b.Table.ports...)
	for i := range mtu {
		ports[i].MTU = mtu[i]
	}
	b.SetPorts(ports)
	return b
}

// measured looks a packet up that has come back with its length held against the way's.
func (b *bench) measured(port uint32, pkt []byte, tooLong uint64) *rules.Verdict {
	b.Helper()
	v, k := new(rules.Verdict), b.key(port, pkt)
	k.SetUint(flow.FieldRecircID, sizedID)
	k.SetUint(flow.FieldDPHash, tooLong)
	if err := b.Lookup(&rules.Query{Key: k, Packet: pkt, Size: len(pkt), Now: b.now, Live: true}, v); err != nil {
		b.Fatal(err)
	}
	return v
}

func TestOnlyPacketsThatMayBeTooLongAreMeasured(t *testing.T) {
	toWan6 := udp(mac(0xa1), mac(1), "fd00:1::2", "fd00:2::2", 64, 9)
	toWan4 := udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 64, 9)
	tcp := append([]byte{}, toWan4...)
	tcp[wire.EthernetSize+wire.IPv4Protocol] = wire.ProtoTCP
	toLan := tagged(20, udp(mac(0xa2), mac(2), "10.0.2.2", "10.0.1.7", 64, 9))
	asks := func(bytes int) string { return fmt.Sprintf("check_pkt_larger(%d),recirc(%#x)", bytes, uint32(sizedID)) }
	for _, c := range []struct {
		name string
		mtu  []int
		port uint32
		pkt  []byte
		want string
	}{
		{"nothing is known", nil, 1, toWan4, toWan},
		{"the same everywhere", []int{1500, 1500, 1500}, 1, toWan4, toWan},
		{"the way is wider", []int{1500, 1500, 9000}, 1, toWan4, toWan},
		{"the way is narrower", []int{1500, 1500, 1400}, 1, toWan4, asks(1414)},
		{"for IPv6", []int{1500, 1500, 1400}, 1, toWan6, asks(1414)},
		{"TCP is cut", []int{1500, 1500, 1400}, 1, tcp, toWan},
		{"with a tag", []int{1500, 1400, 1500}, 3, toLan, asks(1418)},
		{"one of the segment's ports is narrower", []int{1400, 1500, 1500}, 3, toLan, asks(1418)},
	} {
		cfg := twoNets()
		cfg.Neighbours = append(cfg.Neighbours, Neighbour{ip("10.0.1.7"), mac(7)})
		b := narrow(t, cfg, c.mtu...)
		v := b.see(c.port, c.pkt)
		if got := text(v); got != c.want {
			t.Errorf("%s: got  %s\nwant %s", c.name, got, c.want)
		}
		if strings.Contains(c.want, "recirc") && len(v.Trail) > 0 {
			t.Errorf("%s: %d words of a trail for a packet that comes back", c.name, len(v.Trail))
		}
	}
}

func TestPacketsThatFitGoOn(t *testing.T) {
	b := narrow(t, twoNets(), 1500, 1500, 1400)
	v := b.measured(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 64, 9), 0)
	b.want(v, toWan)
	if got := v.Mask.Uint(flow.FieldDPHash); got != 1 {
		t.Errorf("%#x of what was found out counts, want 1", got)
	}
	c := threeWays()
	c.Neighbours = []Neighbour{{ip("10.0.2.254"), mac(0x11)}}
	b = narrow(t, c, 1500, 1500, 1400)
	pkt := udp(mac(0xa1), mac(1), "10.0.1.2", "10.9.1.1", 64, 9)
	b.want(b.measured(1, pkt, 0), fmt.Sprintf("hash(l4(0)),recirc(%#x)", uint32(hashedID)))
	b.want(b.hashed(1, pkt, 0, false), strings.Replace(toWan, "00:02)", "00:11)", 1))
}

func TestSendersOfPacketsThatAreTooLongAreTold(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to string
		whole    bool
		want     string
	}{
		{"IPv4, to be left whole", "10.0.1.2", "10.0.2.2", true, "output:1 a1>01 10.0.1.1>10.0.1.2 icmp 003/4"},
		{"IPv4, to be cut if need be", "10.0.1.2", "10.0.2.2", false, ""},
		{"IPv6", "fd00:1::2", "fd00:2::2", true, "output:1 a1>01 fd00:1::1>fd00:1::2 icmp6 002/0"},
	} {
		b := narrow(t, twoNets(), 1500, 1500, 1400)
		sender := &keep{}
		b.SetSender(sender)
		pkt := udp(mac(0xa1), mac(1), c.from, c.to, 64, 9)
		if !c.whole {
			h := pkt[wire.EthernetSize:]
			binary.BigEndian.PutUint16(h[wire.IPv4Fragment:], 0)
		}
		v := b.measured(1, pkt, 1)
		if b.want(v, "drop(too_big)"); !v.NoCache {
			t.Errorf("%s: cached, though no key says whether the packet may be cut", c.name)
		}
		if c.want == "" {
			if sender.pkt != nil {
				t.Errorf("%s: the sender is told %s", c.name, describe(sender.pkt))
			}
			continue
		}
		if got := "output:1 " + describe(sender.pkt); got != c.want {
			t.Errorf("%s: sent %s, want %s", c.name, got, c.want)
		}
		header := wire.IPv4Size
		if a, _ := netip.ParseAddr(c.from); a.Is6() {
			header = wire.IPv6Size
		}
		if mtu := binary.BigEndian.Uint32(sender.pkt[wire.EthernetSize+header+4:]); mtu != 1400 {
			t.Errorf("%s: says that %d bytes are taken, want 1400", c.name, mtu)
		}
	}
}

// keep keeps the last packet that the gateway sent.
type keep struct{ pkt []byte }

func (k *keep) Inject(_ uint32, pkt []byte, _ []uint64) error {
	k.pkt = pkt
	return nil
}

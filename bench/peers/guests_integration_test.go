//go:build integration

package peers

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/guest"
	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
)

// A guest whose kernel has an IOMMU maps each packet for the switch, and unmaps it when it is done with.
func TestAGuestBehindAnIOMMUReachesAnother(t *testing.T) {
	need(t, guest.Missing)
	s := newSite(t, 4*time.Minute)
	d := s.start([]string{s.vhostPort(0), s.vhostPort(1)}, []string{"actions=NORMAL"})
	defer s.stop(d)
	strict, err := s.bootOne(guest.Options{IOMMU: true}, 0)
	must(t, err)
	plain, err := s.bootOne(guest.Options{}, 1)
	must(t, err)
	for _, way := range [][2]party{{strict, plain}, {plain, strict}} {
		for e := (traffic.Echoes{}); e.Received == 0; { // the first ones may be dropped while their buffers are asked about
			e, err = way[0].Ping(s.ctx, way[1].addrs[0], traffic.Ping{Count: 1, Timeout: time.Second})
			must(t, err)
		}
		sum, err := guest.Bulk(s.ctx, way[0].Host, way[1].Host, way[1].addrs[0], 500*time.Millisecond)
		must(t, err)
		t.Logf("TCP from %s to %s: %s", way[0].name, way[1].name, sum)
	}
	port := s.port(d, "vu0")
	misses, gone := daemon.Value(port.Counters, "iotlb_misses"), daemon.Value(port.Counters, "iotlb_invalidations")
	t.Logf("%d addresses asked about, %d taken back, %+v", misses, gone, port.Notes)
	if misses == 0 || gone == 0 {
		t.Error("the guest does not use its IOMMU")
	}
	s.faultless(d)
}

// A party is a host with its addresses.
type party struct {
	*guest.Host
	guest *guest.Guest // nil: it is a namespace
	name  string
	addrs []netip.Addr // IPv4, IPv6
}

// What a guest leaves to hardware when it sends, by the names of ethtool -k.
var offloads = []string{"tx-checksum-ip-generic", "tx-tcp-segmentation", "tx-tcp6-segmentation"}

// boot starts guests on ports vu0 and on, all at once.
func (s *site) boot(device ...[]string) []party {
	s.Helper()
	var all []guest.Options
	for _, d := range device {
		all = append(all, guest.Options{Device: d})
	}
	return s.bootAll(all)
}

func (s *site) bootAll(o []guest.Options) []party {
	s.Helper()
	all, errs := make([]party, len(o)), make([]error, len(o))
	var wg sync.WaitGroup
	for i := range o {
		wg.Go(func() { all[i], errs[i] = s.bootOne(o[i], i) })
	}
	wg.Wait()
	must(s.T, errors.Join(errs...))
	return all
}

// place fills in what a guest, or a place for it, has of its own on port i.
func (s *site) place(o guest.Options, name string, i int) guest.Options {
	o.Dir, o.Socket, o.Spawn = s.path(fmt.Sprint(name, i)), s.socket(i), s.lab.Switch.Start
	return o
}

// hardware is the address of the guest that was started on port i.
func hardware(i int) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, byte(100 + i)} }

func (s *site) bootOne(o guest.Options, i int) (p party, err error) {
	o.MAC = hardware(i)
	g, err := guest.Start(s.ctx, s.place(o, "guest", i))
	if err != nil {
		return p, err
	}
	s.Cleanup(func() { g.Stop() })
	p = party{g.Host, g, fmt.Sprint("guest ", i), []netip.Addr{netip.AddrFrom4([4]byte{10, 77, 0, byte(100 + i)}), netip.MustParseAddr(fmt.Sprintf("fd77::%d", 100+i))}}
	_, err = g.SetLink(s.ctx, inside.Link{Name: guest.Link, Addresses: []netip.Prefix{netip.PrefixFrom(p.addrs[0], 24), netip.PrefixFrom(p.addrs[1], 64)}})
	return p, err
}

// namespace is a host on a veth pair as a party.
func namespace(h *lab.Host) party {
	return party{guest.In(h.Namespace), nil, h.Name(), []netip.Addr{h.IPv4.Addr(), h.IPv6.Addr()}}
}

// Guests with split rings of a legacy device and packed ones, and a network namespace on an AF_XDP port of the same bridge.
func TestTwoGuestsAndANamespaceReachEachOther(t *testing.T) {
	need(t, guest.Missing, func() error {
		if l := lab.Missing(); len(l) > 0 {
			return fmt.Errorf("missing %v", l)
		}
		return nil
	})
	s := newSite(t, 4*time.Minute)
	bob, err := s.lab.AddHost("bob", "p1", lab.Link{})
	must(t, err)
	d := s.start([]string{s.vhostPort(0), s.vhostPort(1), "{name: p1, type: afxdp}"}, []string{"actions=NORMAL"})
	defer s.stop(d)
	parties := append(s.boot([]string{"disable-modern=on", "mrg_rxbuf=off", "event_idx=off"}, []string{"packed=on"}), namespace(bob))
	// The first is a legacy device, whose headers have 10 bytes. The driver says so by one digit for each feature.
	bits, err := parties[0].Read(s.ctx, "/sys/bus/virtio/devices/virtio0/features")
	must(t, err)
	if len(bits) < 64 || bits[15] != '0' || bits[32] != '0' { // VIRTIO_NET_F_MRG_RXBUF, VIRTIO_F_VERSION_1
		t.Errorf("features of the legacy device: %q", bits)
	}
	for _, from := range parties {
		for _, to := range parties {
			if from.name == to.name {
				continue
			}
			for _, a := range to.addrs {
				e, err := from.Ping(s.ctx, a, traffic.Ping{Count: 3, Timeout: 5 * time.Second})
				must(t, err)
				if e.Lost() > 0 {
					t.Errorf("ping from %s to %s at %s: %s", from.name, to.name, a, e)
				}
				// Longer than what one packet carries: fragments.
				if e, err = from.Ping(s.ctx, a, traffic.Ping{Count: 2, Size: 8000, Timeout: 5 * time.Second}); err != nil || e.Lost() > 0 {
					t.Errorf("long ping from %s to %s at %s: %s, %v", from.name, to.name, a, e, err)
				}
				cut := s.event(d, "segmented")
				sum, err := guest.Bulk(s.ctx, from.Host, to.Host, a, 500*time.Millisecond)
				must(t, err)
				t.Logf("TCP from %s to %s at %s: %s", from.name, to.name, a, sum)
				// The AF_XDP port takes no segments that are to be cut, guests do.
				if cut = s.event(d, "segmented") - cut; from.guest != nil && (cut > 0) != (to.guest == nil) {
					t.Errorf("TCP from %s to %s at %s: %d segments of the guest's were cut here", from.name, to.name, a, cut)
				}
			}
		}
	}
	s.faultless(d)
}

// The driver in the guest is not told that the switch was another one for a moment. QEMU goes on where the used index of a
// split ring says that the old switch was; a packed ring it begins where it began at first, and the switch knows better.
func TestGuestsGoOnWhenTheSwitchIsKilled(t *testing.T) {
	need(t, guest.Missing)
	s := newSite(t, 3*time.Minute)
	ports := []string{s.vhostPort(0), s.vhostPort(1)}
	d := s.start(ports, []string{"actions=NORMAL"})
	guests := s.boot(nil, []string{"packed=on"})
	for range 3 {
		_, err := guest.Bulk(s.ctx, guests[0].Host, guests[1].Host, guests[1].addrs[0], 500*time.Millisecond)
		must(t, err)
		must(t, d.Kill())
		d = s.start(ports, []string{"actions=NORMAL"})
		_, err = d.WaitOpen(s.ctx)
		must(t, err)
		// The first ones may go lost with the link.
		for e := (traffic.Echoes{}); e.Received == 0; {
			e, err = guests[0].Ping(s.ctx, guests[1].addrs[0], traffic.Ping{Count: 1, Timeout: time.Second})
			must(t, err)
		}
	}
	sum, err := guest.Bulk(s.ctx, guests[1].Host, guests[0].Host, guests[0].addrs[1], 500*time.Millisecond)
	must(t, err)
	t.Log(sum)
	s.faultless(d)
	s.stop(d)
}

// Between guests a segment of up to 64 KiB goes as it is; what leaves by another port is cut.
func TestTCPBetweenGuestsGainsFromSegmentsThatStayWhole(t *testing.T) {
	need(t, guest.Missing)
	s := newSite(t, 4*time.Minute)
	d := s.start([]string{s.vhostPort(0), s.vhostPort(1)}, []string{"actions=NORMAL"})
	defer s.stop(d)
	guests := s.boot(nil, nil)
	measure := func(on bool) (traffic.Transfer, uint64) {
		features := make(map[string]bool)
		for _, f := range offloads {
			features[f] = on
		}
		state, err := guests[0].SetLink(s.ctx, inside.Link{Name: guest.Link, Offloads: features})
		must(t, err)
		for _, f := range offloads {
			if state.Features[f] != on {
				t.Fatalf("the guest's %s cannot be turned to %t", f, on)
			}
		}
		before := segments(s, d)
		sum, err := guest.Bulk(s.ctx, guests[0].Host, guests[1].Host, guests[1].addrs[0], time.Second)
		must(t, err)
		return sum, segments(s, d) - before
	}
	// In turn, since the machine may be busier now than then.
	var with, without float64
	for range 3 {
		on, whole := measure(true)
		off, none := measure(false)
		if whole == 0 || none != 0 {
			t.Errorf("with offloads %d segments stayed whole, without %d; want some and none", whole, none)
		}
		with, without = max(with, on.BitsPerSecond()), max(without, off.BitsPerSecond())
	}
	t.Logf("TCP between guests at MTU 1500: %.0f Mbit/s with checksum and segmentation offload, %.0f without: %.1f times", with/1e6, without/1e6, with/without)
	if with <= without {
		t.Error("TCP does not gain from offloads")
	}
	s.faultless(d)
}

// segments counts packets that came from guest 0 as segments to be cut and went to guest 1 as they were.
func segments(s *site, d *daemon.Daemon) uint64 {
	return min(daemon.Value(s.port(d, "vu0").Counters, "rx_segments"), daemon.Value(s.port(d, "vu1").Counters, "tx_segments"))
}

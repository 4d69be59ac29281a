//go:build integration

package traffic

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/vishvananda/netlink"
)

// newBridgedLab returns a lab whose switch is the kernel's own bridge.
func newBridgedLab(t *testing.T, hosts int) *lab.Lab {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	l, err := lab.New()
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0", TxQLen: -1}}
	must(t, l.Switch.Do(func() error {
		if err := netlink.LinkAdd(br); err != nil {
			return err
		}
		return netlink.LinkSetUp(br)
	}))
	for i := range hosts {
		h, err := l.AddHost(string(rune('a'+i)), "p"+string(rune('1'+i)), lab.Link{})
		must(t, err)
		must(t, l.Switch.Do(func() error {
			p, err := netlink.LinkByName(h.Port)
			if err != nil {
				return err
			}
			return netlink.LinkSetMaster(p, br)
		}))
	}
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPingCountsRepliesAndLoss(t *testing.T) {
	l := newBridgedLab(t, 2)
	a, b := l.Hosts[0], l.Hosts[1]
	for _, to := range []netip.Addr{b.IPv4.Addr(), b.IPv6.Addr()} {
		e, err := Ping{Count: 3, Timeout: 2 * time.Second}.Run(t.Context(), a.Namespace, to)
		must(t, err)
		if e.Received != 3 || e.Min <= 0 || e.Min > e.Avg || e.Avg > e.Max {
			t.Errorf("ping %s: got %+v, want three ordered round trips", to, e)
		}
	}
	must(t, l.Switch.SetLink(b.Port, false))
	e, err := Ping{Count: 2, Timeout: 50 * time.Millisecond}.Run(t.Context(), a.Namespace, b.IPv4.Addr())
	must(t, err)
	if e.Lost() != 2 {
		t.Errorf("ping over a link that is down: got %+v, want both lost", e)
	}
}

func TestPingEndsWithItsContext(t *testing.T) {
	l := newBridgedLab(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Ping{Count: 100, Timeout: time.Minute}.Run(ctx, l.Hosts[0].Namespace, netip.MustParseAddr("10.77.0.99"))
	if err == nil {
		t.Error("got no error, want the context's")
	}
}

func TestBulkCarriesEveryByte(t *testing.T) {
	l := newBridgedLab(t, 2)
	a, b := l.Hosts[0], l.Hosts[1]
	for _, addr := range []netip.Addr{b.IPv4.Addr(), b.IPv6.Addr()} {
		tr, err := Bulk(t.Context(), a.Namespace, b.Namespace, addr, 300*time.Millisecond)
		must(t, err)
		t.Log(addr, tr)
		if tr.Bytes == 0 || tr.BitsPerSecond() == 0 {
			t.Errorf("got %+v, want bytes", tr)
		}
	}
}

func TestBlasterSendsAtARate(t *testing.T) {
	l := newBridgedLab(t, 2)
	a, b := l.Hosts[0], l.Hosts[1]
	frames, err := Flows{
		From: Endpoint{a.MAC, a.IPv4.Addr()}, To: Endpoint{b.MAC, b.IPv4.Addr()}, Count: 100,
	}.Frames()
	must(t, err)
	bl, err := NewBlaster(a.Namespace, lab.HostLink)
	must(t, err)
	defer bl.Close()
	before, err := b.Count(lab.HostLink)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	sent := bl.Run(ctx, frames, 10_000)
	after, err := b.Count(lab.HostLink)
	must(t, err)
	got := after.RxPackets - before.RxPackets
	if sent < 1000 || sent > 4000 || got < sent {
		t.Errorf("sent %d in 300 ms at 10,000/s, %d arrived; want about 3000 and all of them", sent, got)
	}
}

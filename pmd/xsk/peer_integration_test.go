//go:build integration

package xsk

import (
	"bytes"
	"testing"
	"time"

	"github.com/asavie/xdp"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
)

// An AF_XDP socket written by others sits at the host's end of the pair, and both sides understand
// each other. One socket for the life of the process: closing it does not free the queue, which goes
// with the namespace.
func TestAnIndependentSocketAtTheOtherEnd(t *testing.T) {
	w := newWorld(t, pair{})
	h := w.hosts[0]
	pool := newTestPool(t, 8192)
	p := open(t, pool, h.port, nil)
	var peer *xdp.Socket
	h.on(func() {
		l, err := netlink.LinkByName("e0")
		must(t, err)
		prog, err := xdp.NewProgram(1)
		must(t, err)
		t.Cleanup(func() { must(t, prog.Close()) })
		at, err := link.AttachXDP(link.XDPOptions{Program: prog.Program, Interface: l.Attrs().Index, Flags: link.XDPDriverMode})
		must(t, err)
		t.Cleanup(func() { must(t, at.Close()) })
		peer, err = xdp.NewSocket(l.Attrs().Index, 0, nil)
		must(t, err)
		t.Cleanup(func() { must(t, peer.Close()) })
		must(t, prog.Register(0, peer.FD()))
	})
	peer.Fill(peer.GetDescs(64))
	f := startForwarder(p, p, nil) // both ways between the port and itself: everything goes back
	defer f.close()

	const packets = 200
	sent, got := uint32(0), map[string]bool{}
	for end := time.Now().Add(5 * time.Second); len(got) < packets && time.Now().Before(end); {
		if d := peer.GetDescs(1); len(d) == 1 && sent < packets && int(sent) < len(got)+16 {
			d[0].Len = uint32(copy(peer.GetFrame(d[0]), testFrame(60+int(sent)*7, sent)))
			peer.Transmit(d)
			sent++
		}
		n, _, err := peer.Poll(1)
		must(t, err)
		descs := peer.Receive(n)
		for _, d := range descs {
			if b := peer.GetFrame(d)[:d.Len]; isTestFrame(b) {
				got[string(bytes.Clone(b))] = true
			}
		}
		peer.Fill(descs)
	}
	for i := range sent {
		if !got[string(testFrame(60+int(i)*7, i))] {
			t.Errorf("frame %d did not come back, or changed", i)
		}
	}
	if sent != packets {
		t.Errorf("%d of %d frames sent", sent, packets)
	}
}

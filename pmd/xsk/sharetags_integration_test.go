//go:build integration

package xsk

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/afpacket"
	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

// tunnelFrame returns a packet to UDP port 4789 of 10.0.0.1, with a number where a tunnel has its header.
func tunnelFrame(n byte) []byte {
	p := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}
	p = append(p, 0x45, 0, 0, 60, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1)
	p = append(p, 0x12, 0x34, 4789>>8, 4789&0xff, 0, 40, 0, 0)
	return append(p, bytes.Repeat([]byte{n}, 32)...)
}

// TestTheHostGetsTaggedPacketsOfASharedDeviceWithTheirTags: those that look like a tunnel's as well, once the device has taken
// their tags off.
func TestTheHostGetsTaggedPacketsOfASharedDeviceWithTheirTags(t *testing.T) {
	for name, tag := range map[string]struct{ etherType, tci uint16 }{"VLAN": {0x8100, 0x6123}, "service VLAN": {0x88a8, 0x0fff}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, pair{})
			h := w.hosts[0]
			pool := newTestPool(t, 16384)
			p := open(t, pool, h.port, map[string]string{OptPass: "shared"})
			if n := note(p, "vlan-tags"); n.Value != "left to the host" {
				t.Skip("tags are not to be had here: ", n.Reason)
			}
			must(t, p.Share([]pmd.TunnelEnd{{Addr: netip.MustParseAddr("10.0.0.1"), Proto: unix.IPPROTO_UDP, Port: 4789}}))
			kernel, err := afpacket.New(pool, slog.New(slog.DiscardHandler)).Open(context.Background(), h.port, nil)
			must(t, err)
			t.Cleanup(func() { must(t, kernel.Close()) })
			ours, hosts := p.queues[0].rx, kernel.RxQueues()[0]
			// has reports whether a packet is among those that a queue has received.
			has := func(q pmd.RxQueue, packet []byte) (found bool) {
				var b frame.Batch
				for q.Recv(&b) > 0 {
					for _, f := range b.Frames() {
						found = found || bytes.Equal(pool.Bytes(f), packet)
					}
					ours.cache.PutBatch(&b)
				}
				return found
			}

			r := h.raw()
			plain := tunnelFrame(1)
			eventually(t, "a tunnel's packet comes to the socket", func() bool { r.send(plain); return has(ours, plain) })
			if has(hosts, plain) {
				t.Error("the host has a tunnel's packet, too")
			}
			h.leaveTags(t, tag.etherType, tag.tci)
			for what, sent := range map[string][]byte{"one in a VLAN": tunnelFrame(2), "another packet in a VLAN": testFrame(100, 3)} {
				want := append(sent[:12:12], byte(tag.etherType>>8), byte(tag.etherType), byte(tag.tci>>8), byte(tag.tci))
				want = append(want, sent[12:]...)
				eventually(t, what+" comes to the host", func() bool { r.send(sent); return has(hosts, want) })
				if has(ours, sent) || has(ours, want) {
					t.Errorf("%s comes to the socket, too", what)
				}
			}
		})
	}
}

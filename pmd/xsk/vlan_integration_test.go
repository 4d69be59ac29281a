//go:build integration

package xsk

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/afpacket"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// leaveTags has the device of a host put a VLAN tag on what it sends, as one with VLAN devices on top does: the tag is left
// to hardware, which veth does not have, and goes beside the packet.
func (h *host) leaveTags(t *testing.T, etherType, tci uint16) {
	t.Helper()
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "Apache-2.0", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R2, int32(wire16(etherType))),
		asm.Mov.Imm(asm.R3, int32(tci)),
		asm.FnSkbVlanPush.Call(),
		asm.Mov.Imm(asm.R0, 0), // TCX_PASS
		asm.Return(),
	}})
	must(t, err)
	defer program.Close() // the link has it
	h.on(func() {
		e0, err := netlink.LinkByName("e0")
		must(t, err)
		l, err := link.AttachTCX(link.TCXOptions{Interface: e0.Attrs().Index, Program: program, Attach: ebpf.AttachTCXEgress})
		must(t, err)
		t.Cleanup(func() { l.Close() })
	})
}

// TestTagsThatAreLeftToHardwareArrive: XDP gets packets without them.
func TestTagsThatAreLeftToHardwareArrive(t *testing.T) {
	for _, fallback := range []string{"drop", "pass"} {
		for _, tag := range []struct{ etherType, tci uint16 }{{0x8100, 0x6123}, {0x88a8, 0x0fff}} {
			t.Run(fmt.Sprintf("%x %x, fallback %s", tag.etherType, tag.tci, fallback), func(t *testing.T) {
				w := newWorld(t, pair{})
				w.hosts[0].leaveTags(t, tag.etherType, tag.tci)
				pool := newTestPool(t, 8192)
				p := open(t, pool, w.hosts[0].port, map[string]string{OptFallback: fallback})
				if n := note(p, "vlan-tags"); n.Value != "put back" {
					t.Skip("tags are not to be had here: ", n.Reason)
				}
				r := w.hosts[0].raw()
				plain := testFrame(200, 1)
				want := append(plain[:12:12], byte(tag.etherType>>8), byte(tag.etherType), byte(tag.tci>>8), byte(tag.tci))
				want = append(want, plain[12:]...)
				var got []byte
				var b frame.Batch
				eventually(t, "the frame arrives", func() bool {
					r.send(plain)
					p.queues[0].rx.Recv(&b)
					for _, f := range b.Frames() {
						if data := pool.Bytes(f); bytes.Contains(data, plain[12:]) {
							got = bytes.Clone(data)
						}
					}
					p.queues[0].rx.cache.PutBatch(&b)
					return got != nil
				})
				if !bytes.Equal(got, want) {
					t.Errorf("got  %x\nwant %x", got, want)
				}
			})
		}
	}
}

// TestPacketsWhoseTagIsLeftToHardwareAreFilteredWithIt: an ARP request in a VLAN comes to the socket, whoever has its tag.
func TestPacketsWhoseTagIsLeftToHardwareAreFilteredWithIt(t *testing.T) {
	w := newWorld(t, pair{})
	h := w.hosts[0]
	pool := newTestPool(t, 16384)
	p := open(t, pool, h.port, map[string]string{OptPass: "arp,udp:4789"})
	if n := note(p, "vlan-tags"); n.Value != "put back" {
		t.Skip("tags are not to be had here: ", n.Reason)
	}
	kernel, err := afpacket.New(pool, slog.New(slog.DiscardHandler)).Open(context.Background(), h.port, nil)
	must(t, err)
	t.Cleanup(func() { must(t, kernel.Close()) })
	ours, hosts := p.queues[0].rx, kernel.RxQueues()[0]
	// has reports whether packet is among those that a queue has received.
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
	arp := func(n byte) []byte {
		packet := testFrame(60, uint32(n))
		packet[12], packet[13] = unix.ETH_P_ARP>>8, unix.ETH_P_ARP&0xff
		return packet
	}
	r := h.raw()
	for i, plain := range [][]byte{arp(1), tunnelFrame(1)} {
		eventually(t, "an untagged packet comes to the host", func() bool { r.send(plain); return has(hosts, plain) })
		if has(ours, plain) {
			t.Errorf("packet %d comes to the socket, too", i)
		}
	}
	const tci = 0x6123
	h.leaveTags(t, 0x8100, tci)
	for i, sent := range [][]byte{arp(2), tunnelFrame(2)} {
		want := append(sent[:12:12], 0x81, 0, tci>>8, tci&0xff)
		want = append(want, sent[12:]...)
		eventually(t, "a tagged packet comes to the socket", func() bool { r.send(sent); return has(ours, want) })
		if has(hosts, sent) || has(hosts, want) {
			t.Errorf("packet %d in a VLAN comes to the host, too", i)
		}
	}
}

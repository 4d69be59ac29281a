//go:build integration

package xsk

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/vishvananda/netlink"
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

//go:build integration

package overlay

import (
	"math/bits"
	"net"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/encap/wire"
)

// This machine's kernel may lack VLAN devices, not what they do: programs on the far end's link put tags on and take them off.
func TestVXLANInAVLANWithTheKernel(t *testing.T) {
	need(t, missingTshark)
	for name, ends := range map[string]struct {
		far     inside.Tunnel
		options string
	}{
		"IPv4": {inside.Tunnel{Local: far4, Remote: near4}, "remote_ip: 10.77.0.2"},
		"IPv6": {inside.Tunnel{Local: far6, Remote: near6, Checksum: true}, `remote_ip: "fd77::2"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, plan{vlan: 7}, 2*time.Minute)
			c := s.capture()
			s.tag(s.vlan)
			ends.far.Type, ends.far.Key, ends.far.Port = "vxlan", key, vxlanPort
			beyond := s.kernel(ends.far)
			s.start("vxlan", ends.options+", key: 42")
			s.exercise(beyond, 0)
			s.stop()
			c.judge(s, 100, "vlan.id == 7")
		})
	}
}

// tag puts the far end's link into a VLAN.
func (s *site) tag(vlan uint16) {
	s.Helper()
	// Tags left to hardware are not in the packets that XDP sees.
	_, err := s.host(s.far.Namespace).SetLink(s.ctx, inside.Link{Name: lab.HostLink, Offloads: map[string]bool{"tx-vlan-hw-insert": false}})
	must(s.T, err)
	end := func(f asm.BuiltinFunc) asm.Instructions {
		return asm.Instructions{f.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return()}
	}
	push := append(asm.Instructions{
		asm.Mov.Imm(asm.R2, int32(bits.ReverseBytes16(wire.TypeVLAN))), asm.Mov.Imm(asm.R3, int32(vlan)),
	}, end(asm.FnSkbVlanPush)...)
	for _, p := range []struct {
		text asm.Instructions
		at   ebpf.AttachType
	}{{push, ebpf.AttachTCXEgress}, {end(asm.FnSkbVlanPop), ebpf.AttachTCXIngress}} {
		var l link.Link
		must(s.T, s.far.Do(func() (err error) {
			l, err = attach(lab.HostLink, p.text, p.at)
			return err
		}))
		s.Cleanup(func() { l.Close() })
	}
}

// attach has a program run for each packet that a device sends, or receives.
func attach(name string, text asm.Instructions, at ebpf.AttachType) (link.Link, error) {
	d, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, Instructions: text, License: "Apache-2.0"})
	if err != nil {
		return nil, err
	}
	defer program.Close() // the link has it
	return link.AttachTCX(link.TCXOptions{Interface: d.Index, Program: program, Attach: at})
}

//go:build integration

package overlay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/culvertdev/culvert/encap/wire"
	"golang.org/x/sys/unix"
)

// gpePort is VXLAN-GPE's own (draft-ietf-nvo3-vxlan-gpe-12).
const gpePort = 4790

// The kernel's VXLAN-GPE devices take the tunnel of each packet that they send from what came with it, and have no Ethernet header
// of their own: of the frames that come in they hand none to the IP stack, and what is sent to them as Ethernet (ETH_P_TEB)
// leaves as such. So the far end's frames are carried between such a device and a tap, whose other side is the kernel's stack.
func TestVXLANGPEWithTheKernel(t *testing.T) {
	need(t, missingTshark, missingIP)
	for name, options := range map[string]string{
		"IPv4 without checksums": "remote_ip: 10.77.0.2", "IPv4 with checksums": "remote_ip: 10.77.0.2, csum: true", "IPv6": `remote_ip: "fd77::2"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, plan{}, 2*time.Minute)
			c := s.capture()
			to := near4
			if name == "IPv6" {
				to = near6
			}
			s.generic(to)
			beyond := s.host(s.far.Namespace)
			s.link(beyond, device, s.inner, overlay(0, 2))
			s.start("vxlan", fmt.Sprintf("%s, key: %d, exts: [gpe], dst_port: %d", options, key, gpePort))
			s.exercise(beyond, 0)
			s.stop()
			c.judge(s, 100, "vxlan.p_bit == 1 && vxlan.next_proto == 3")
		})
	}
}

// generic makes the far end a VXLAN-GPE device of the kernel, and a tap that its Ethernet frames go to and come from.
func (s *site) generic(to netip.Addr) {
	s.Helper()
	const name = "gpe0"
	for _, args := range []string{
		fmt.Sprintf("link add %s type vxlan external gpe dstport %d", name, gpePort),
		fmt.Sprintf("link set %s up", name),
	} {
		var said bytes.Buffer
		cmd := exec.Command("ip", strings.Fields(args)...)
		cmd.Stderr = &said
		must(s.T, s.far.Start(cmd))
		if err := cmd.Wait(); err != nil {
			s.Fatalf("ip %s: %v: %s", args, err, &said)
		}
	}
	var gpe, tap *os.File
	var way link.Link
	must(s.T, s.far.Do(func() (err error) {
		if gpe, err = ethernetOf(name); err != nil {
			return err
		}
		if tap, err = newTap(device); err != nil {
			return err
		}
		way, err = into(name, to)
		return err
	}))
	done := make(chan struct{})
	for _, way := range [][2]*os.File{{gpe, tap}, {tap, gpe}} {
		go func() {
			carry(way[0], way[1])
			done <- struct{}{}
		}()
	}
	s.Cleanup(func() {
		gpe.Close()
		tap.Close()
		<-done
		<-done
		way.Close()
	})
}

// into has all packets that a device sends go to an end, with the key of the tests, by a program that runs for each. The arguments
// of the kernel's helper are in bpf-helpers(7), bpf_skb_set_tunnel_key.
func into(name string, to netip.Addr) (link.Link, error) {
	const size, ttl = 44, 64
	var k [48]byte // struct bpf_tunnel_key of linux include/uapi/linux/bpf.h, and padding
	binary.NativeEndian.PutUint32(k[0:], key)
	flags := int32(0)
	if k[21] = ttl; to.Is4() {
		binary.NativeEndian.PutUint32(k[4:], binary.BigEndian.Uint32(to.AsSlice()))
	} else {
		copy(k[4:], to.AsSlice())
		flags = unix.BPF_F_TUNINFO_IPV6
	}
	var text asm.Instructions
	for at := 0; at < len(k); at += 4 {
		text = append(text, asm.StoreImm(asm.RFP, int16(at-len(k)), int64(int32(binary.NativeEndian.Uint32(k[at:]))), asm.Word))
	}
	text = append(text,
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, int32(-len(k))), asm.Mov.Imm(asm.R3, size), asm.Mov.Imm(asm.R4, flags),
		asm.FnSkbSetTunnelKey.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return())
	return attach(name, text, ebpf.AttachTCXEgress)
}

func missingIP() error {
	_, err := exec.LookPath("ip")
	return err
}

// ethernetOf opens the Ethernet frames of a device that has no header of its own (packet(7)).
func ethernetOf(name string) (*os.File, error) {
	d, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bits.ReverseBytes16(wire.TypeTEB), Ifindex: d.Index}); err != nil {
		f.Close()
		return nil, os.NewSyscallError("bind", err)
	}
	return f, nil
}

// newTap makes a tap device, which goes when its file is closed.
func newTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open /dev/net/tun", err)
	}
	r, err := unix.NewIfreq(name)
	if err == nil {
		r.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = os.NewSyscallError("TUNSETIFF", unix.IoctlIfreq(fd, unix.TUNSETIFF, r))
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// carry writes to one device what comes from another, until that is closed. What cannot be written, as while a device is
// not up, is lost like any packet.
func carry(from, to *os.File) {
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err == nil {
			to.Write(b[:n])
		}
	}
}

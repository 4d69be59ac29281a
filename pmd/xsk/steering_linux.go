package xsk

import (
	"errors"
	"fmt"
	"net"

	"github.com/asavie/xdp"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// steering is the program on a device and the sockets it steers to. The object is asavie/xdp's, the
// program in it and its attachment are not: see the package comment.
type steering struct {
	xdp.Program
	ends  *ebpf.Map // what of a shared device is ours, by key; nil: it is not shared
	frags bool      // the program takes multi-buffer packets
	tags  bool      // the program puts VLAN tags back that the device has taken off
	id    ebpf.ProgramID
	link  link.Link // nil until attached; closing it detaches
}

// A blueprint says which program is wanted.
type blueprint struct {
	queues   int
	pass     filter
	mac      net.HardwareAddr
	fallback action
	frags    bool       // takes multi-buffer packets
	tag      btf.TypeID // number of rxTag in a program that puts VLAN tags back; 0: it does not
	ifindex  int        // with tag: the device, to which alone the program can be attached, in native mode
}

// newSteering loads a program.
func newSteering(b blueprint) (*steering, error) {
	if err := rlimit.RemoveMemlock(); err != nil { // a no-op since Linux 5.11
		return nil, fmt.Errorf("lift the limit on locked memory: %w", explain(err))
	}
	s := &steering{frags: b.frags, tags: b.tag != 0}
	if err := s.load(&b); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *steering) load(b *blueprint) (err error) {
	s.Sockets, err = ebpf.NewMap(&ebpf.MapSpec{Name: "culvert_sockets", Type: ebpf.XSKMap,
		KeySize: 4, ValueSize: 4, MaxEntries: uint32(b.queues)})
	if err != nil {
		return fmt.Errorf("create socket map: %w", explain(err))
	}
	// Register and Unregister want the map; the program does not read it. Not an array: Unregister
	// deletes, which arrays refuse.
	s.Queues, err = ebpf.NewMap(&ebpf.MapSpec{Name: "culvert_queues", Type: ebpf.Hash,
		KeySize: 4, ValueSize: 4, MaxEntries: uint32(b.queues)})
	if err != nil {
		return fmt.Errorf("create queue map: %w", explain(err))
	}
	program := instructions(s.Sockets.FD(), b.pass, b.mac, b.fallback, b.tag)
	if b.pass.shared {
		s.ends, err = ebpf.NewMap(&ebpf.MapSpec{Name: "culvert_ends", Type: ebpf.Hash, KeySize: endSize, ValueSize: 1, MaxEntries: maxEnds})
		if err != nil {
			return fmt.Errorf("create map of tunnel ends: %w", explain(err))
		}
		program = sharing(s.Sockets.FD(), s.ends.FD(), b.fallback, b.tag)
	}
	spec := &ebpf.ProgramSpec{
		Name:         "culvert_steer",
		Type:         ebpf.XDP,
		Instructions: program,
		License:      "Apache-2.0", // no helper used is reserved for GPL
	}
	if s.tags {
		// Functions of the kernel are for programs under the GPL, which these few instructions may be used under, too.
		spec.License = "Dual MIT/GPL"
		spec.Flags |= unix.BPF_F_XDP_DEV_BOUND_ONLY // since Linux 6.3
		spec.Ifindex = uint32(b.ifindex)
	}
	if s.frags {
		spec.Flags |= unix.BPF_F_XDP_HAS_FRAGS // since Linux 5.18
	}
	if s.Program.Program, err = ebpf.NewProgram(spec); err != nil {
		return fmt.Errorf("load XDP program: %w", explain(err))
	}
	info, err := s.Program.Program.Info()
	if err != nil {
		return fmt.Errorf("query XDP program: %w", err)
	}
	s.id, _ = info.ID()
	return nil
}

// attach puts the program on the device by a bpf_link, which the kernel removes when the process ends
// in whatever way.
func (s *steering) attach(ifindex int, native bool) (err error) {
	flags := link.XDPGenericMode
	if native {
		flags = link.XDPDriverMode
	}
	s.link, err = link.AttachXDP(link.XDPOptions{Program: s.Program.Program, Interface: ifindex, Flags: flags})
	return err
}

// detach takes the program off the device. It is idempotent.
func (s *steering) detach() error {
	if s.link == nil {
		return nil
	}
	err := s.link.Close()
	s.link = nil
	return err
}

// Close frees program and maps; the program is off the device already, or never was on it.
func (s *steering) Close() error {
	err := s.Program.Close()
	if s.ends != nil {
		err = errors.Join(err, s.ends.Close())
		s.ends = nil
	}
	return err
}

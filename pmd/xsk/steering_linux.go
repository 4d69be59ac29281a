package xsk

import (
	"errors"
	"fmt"
	"net"

	"github.com/asavie/xdp"
	"github.com/cilium/ebpf"
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
	id    ebpf.ProgramID
	link  link.Link // nil until attached; closing it detaches
}

// newSteering loads a program for so many queues; frags asks for one that takes multi-buffer packets.
func newSteering(queues int, f filter, mac net.HardwareAddr, fallback action, frags bool) (*steering, error) {
	if err := rlimit.RemoveMemlock(); err != nil { // a no-op since Linux 5.11
		return nil, fmt.Errorf("lift the limit on locked memory: %w", explain(err))
	}
	s := &steering{frags: frags}
	if err := s.load(queues, f, mac, fallback); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *steering) load(queues int, f filter, mac net.HardwareAddr, fallback action) (err error) {
	s.Sockets, err = ebpf.NewMap(&ebpf.MapSpec{Name: "culvert_sockets", Type: ebpf.XSKMap,
		KeySize: 4, ValueSize: 4, MaxEntries: uint32(queues)})
	if err != nil {
		return fmt.Errorf("create socket map: %w", explain(err))
	}
	// Register and Unregister want the map; the program does not read it. Not an array: Unregister
	// deletes, which arrays refuse.
	s.Queues, err = ebpf.NewMap(&ebpf.MapSpec{Name: "culvert_queues", Type: ebpf.Hash,
		KeySize: 4, ValueSize: 4, MaxEntries: uint32(queues)})
	if err != nil {
		return fmt.Errorf("create queue map: %w", explain(err))
	}
	program := instructions(s.Sockets.FD(), f, mac, fallback)
	if f.shared {
		s.ends, err = ebpf.NewMap(&ebpf.MapSpec{Name: "culvert_ends", Type: ebpf.Hash, KeySize: endSize, ValueSize: 1, MaxEntries: maxEnds})
		if err != nil {
			return fmt.Errorf("create map of tunnel ends: %w", explain(err))
		}
		program = sharing(s.Sockets.FD(), s.ends.FD(), fallback)
	}
	spec := &ebpf.ProgramSpec{
		Name:         "culvert_steer",
		Type:         ebpf.XDP,
		Instructions: program,
		License:      "Apache-2.0", // no helper used is reserved for GPL
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

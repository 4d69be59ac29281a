package afpacket

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// openSocket opens one packet socket on the device with that index. It receives nothing until bind.
func openSocket(index, backlog int, promiscuous bool) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open packet socket: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(fd))
			fd = -1
		}
	}()
	for _, o := range []struct {
		name string
		opt  int
	}{
		{"PACKET_VNET_HDR", unix.PACKET_VNET_HDR},
		{"PACKET_AUXDATA", unix.PACKET_AUXDATA},
		{"PACKET_IGNORE_OUTGOING", unix.PACKET_IGNORE_OUTGOING}, // linux 4.20; else what the host sends would come in
	} {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, o.opt, 1); err != nil {
			return fd, fmt.Errorf("set %s: %w", o.name, err)
		}
	}
	// FORCE goes beyond net.core.rmem_max and needs CAP_NET_ADMIN; without it the limit holds.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, backlog) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, backlog); err != nil {
			return fd, fmt.Errorf("set backlog to %d bytes: %w", backlog, err)
		}
	}
	if promiscuous {
		m := &unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, m); err != nil {
			return fd, fmt.Errorf("set promiscuous mode: %w", err)
		}
	}
	return fd, nil
}

// bind starts to receive every packet of the device.
func bind(fd, index int) error {
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: index}); err != nil {
		return fmt.Errorf("bind packet socket: %w", err)
	}
	return nil
}

// fanout makes the sockets, which are bound, one group between which the kernel divides packets by
// hash of their flow.
func fanout(fds []int) error {
	if len(fds) < 2 {
		return nil
	}
	// The low half is the group's number: the kernel picks a free one for the first socket. A group
	// does not look at its sockets' PACKET_IGNORE_OUTGOING, it has a flag of its own.
	const hash = (unix.PACKET_FANOUT_HASH | unix.PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16
	const unique = unix.PACKET_FANOUT_FLAG_UNIQUEID << 16
	if err := unix.SetsockoptInt(fds[0], unix.SOL_PACKET, unix.PACKET_FANOUT, hash|unique); err != nil {
		return fmt.Errorf("found fanout group: %w", err)
	}
	v, err := unix.GetsockoptInt(fds[0], unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return fmt.Errorf("read number of fanout group: %w", err)
	}
	for _, fd := range fds[1:] {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, v&0xffff|hash); err != nil {
			return fmt.Errorf("join fanout group: %w", err)
		}
	}
	return nil
}

// networkOrder is htons.
func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

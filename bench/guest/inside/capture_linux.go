package inside

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net"

	"golang.org/x/sys/unix"
)

// captureRoom is how much memory, in bytes, a capture's packets may take in the kernel, which counts a kilobyte or more beside the
// bytes of each. What comes when that is full is not captured.
const captureRoom = 1 << 19

// longest is more than a packet has, in bytes.
const longest = 1 << 17

// Capture begins to keep the packets that come to a link, but not what it sends. Captured ends that.
func (m *Machine) Capture(link string, _ *struct{}) error {
	var fd int
	err := m.do(func() (err error) {
		fd, err = listen(link)
		return err
	})
	if err != nil {
		return fmt.Errorf("capture what comes to %s: %w", link, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.captures[link]; ok {
		unix.Close(old)
	}
	m.captures[link] = fd
	return nil
}

// listen returns a socket that receives what comes to a link (packet(7)), and says which VLAN tags hardware or the kernel has
// taken off.
func listen(link string) (fd int, err error) {
	d, err := net.InterfaceByName(link)
	if err != nil {
		return -1, err
	}
	// Protocol 0: nothing is received before the options are set.
	if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureRoom/2), // of which the kernel makes twice as much (socket(7))
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bits.ReverseBytes16(unix.ETH_P_ALL), Ifindex: d.Index}),
	)
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Captured ends the capture of a link and returns its packets, in the order in which they came.
func (m *Machine) Captured(link string, packets *[][]byte) error {
	m.mu.Lock()
	fd, ok := m.captures[link]
	delete(m.captures, link)
	m.mu.Unlock()
	if !ok {
		return fmt.Errorf("nothing is captured of %s", link)
	}
	defer unix.Close(fd)
	b, control := make([]byte, longest), make([]byte, unix.CmsgSpace(auxSize))
	for {
		n, size, _, _, err := unix.Recvmsg(fd, b, control, 0)
		switch {
		case err == unix.EAGAIN:
			return nil
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("what came to %s: %w", link, err)
		}
		p, err := whole(b[:n], control[:size])
		if err != nil {
			return fmt.Errorf("what came to %s: %w", link, err)
		}
		*packets = append(*packets, p)
	}
}

// Of struct tpacket_auxdata (linux include/uapi/linux/if_packet.h), in the host's byte order.
const (
	auxStatus = 0
	auxTCI    = 16
	auxTPID   = 18
	auxSize   = 20
)

// whole returns a copy of a packet with the VLAN tag that a message says was taken off it.
func whole(b, control []byte) ([]byte, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, err
	}
	const addresses = 12 // bytes of the Ethernet header in front of a tag
	p := append(make([]byte, 0, len(b)+4), b[:min(len(b), addresses)]...)
	for _, m := range messages {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < auxSize {
			continue
		}
		if binary.NativeEndian.Uint32(m.Data[auxStatus:])&unix.TP_STATUS_VLAN_VALID != 0 {
			p = binary.BigEndian.AppendUint16(p, binary.NativeEndian.Uint16(m.Data[auxTPID:]))
			p = binary.BigEndian.AppendUint16(p, binary.NativeEndian.Uint16(m.Data[auxTCI:]))
		}
	}
	return append(p, b[min(len(b), addresses):]...), nil
}

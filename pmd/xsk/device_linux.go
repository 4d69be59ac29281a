package xsk

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/pmd/netdev"
	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A device is a network device seen through sockets of the namespace it is in, whichever namespace
// the calling thread is in later.
type device struct {
	index   int
	netlink *netlink.Handle
	ethtool *ethtool.Ethtool
}

// A deviceState is what the port depends on and the operator can change.
type deviceState struct {
	name     string
	mac      net.HardwareAddr
	mtu      int
	carrier  bool
	program  uint32 // id of the XDP program on it, 0 for none
	channels int    // queues it receives with
	driver   string
	bus      string // address on its bus; empty for a virtual device

	rxDropped, txDropped uint64 // packets, by the device's own count
}

// openDevice finds a device by name in the thread's network namespace.
func openDevice(name string) (*device, deviceState, error) {
	d := &device{}
	st, err := d.open(name)
	if err != nil {
		d.close()
		return nil, deviceState{}, err
	}
	return d, st, nil
}

func (d *device) open(name string) (st deviceState, err error) {
	if d.netlink, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return st, fmt.Errorf("open netlink socket: %w", err)
	}
	if d.ethtool, err = ethtool.NewEthtool(); err != nil {
		return st, fmt.Errorf("open ethtool socket: %w", err)
	}
	l, err := d.netlink.LinkByName(name)
	if err != nil {
		return st, fmt.Errorf("find device %s: %w", name, err)
	}
	d.index = l.Attrs().Index
	return d.state()
}

// state reads the device's present state. The error is [netdev.ErrGone] when it is no longer in its
// namespace.
func (d *device) state() (deviceState, error) {
	for range 3 {
		st, err := d.read()
		// Netlink finds the device by its number, ethtool by its name: in between it may have been
		// renamed, or gone.
		if !errors.Is(err, unix.ENODEV) {
			return st, err
		}
	}
	return deviceState{}, netdev.ErrGone
}

func (d *device) read() (deviceState, error) {
	l, err := d.netlink.LinkByIndex(d.index)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return deviceState{}, netdev.ErrGone
	}
	if err != nil {
		return deviceState{}, fmt.Errorf("query device: %w", err)
	}
	a := l.Attrs()
	st := deviceState{
		name:     a.Name,
		mac:      a.HardwareAddr,
		mtu:      a.MTU,
		carrier:  a.RawFlags&unix.IFF_UP != 0 && a.RawFlags&unix.IFF_LOWER_UP != 0,
		channels: max(a.NumRxQueues, 1),
	}
	if a.Xdp != nil {
		st.program = a.Xdp.ProgId
	}
	if s := a.Statistics; s != nil {
		st.rxDropped, st.txDropped = s.RxDropped, s.TxDropped
	}
	// A device whose driver does not answer these keeps what netlink says.
	ch, err := d.ethtool.GetChannels(a.Name)
	if err == nil && ch.CombinedCount+ch.RxCount > 0 {
		st.channels = int(ch.CombinedCount + ch.RxCount)
	}
	info, err2 := d.ethtool.DriverInfo(a.Name)
	if err2 == nil {
		st.driver, st.bus = info.Driver, info.BusInfo
	}
	if errors.Is(err, unix.ENODEV) || errors.Is(err2, unix.ENODEV) {
		return deviceState{}, unix.ENODEV
	}
	return st, nil
}

func (d *device) close() {
	if d.netlink != nil {
		d.netlink.Close()
	}
	if d.ethtool != nil {
		d.ethtool.Close()
	}
}

// partialChecksums reports whether frames may arrive with their checksum unfinished. On the receive
// path of a driver for hardware they do not. Virtual devices hand over what the sender left undone;
// and generic mode sees packets after the kernel has merged them, which leaves partial sums on any
// device (linux net/ipv4/tcp_offload.c, tcp_gro_complete).
func (s deviceState) partialChecksums(native bool) bool {
	switch s.driver {
	case "virtio_net", "vmxnet3", "hv_netvsc", "xen_netfront", "vif":
		return true
	}
	return !native || s.bus == "" || strings.HasPrefix(s.bus, "N/A")
}

// numa returns the node of a PCI device, -1 if unknown. The path by bus address is the same in every
// network namespace, unlike /sys/class/net.
func (s deviceState) numa() int {
	if s.bus == "" || strings.ContainsRune(s.bus, '/') {
		return -1
	}
	b, err := os.ReadFile(filepath.Join("/sys/bus/pci/devices", s.bus, "numa_node"))
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return -1
	}
	return n
}

// promiscuous returns a socket that keeps the device receiving frames to any address until it is
// closed: the kernel counts the wishes and forgets this one with the process.
func promiscuous(ifindex int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // protocol 0: receives nothing
	if err != nil {
		return -1, fmt.Errorf("open packet socket: %w", explain(err))
	}
	mreq := &unix.PacketMreq{Ifindex: int32(ifindex), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, mreq); err != nil {
		return -1, errors.Join(fmt.Errorf("make promiscuous: %w", err), unix.Close(fd))
	}
	return fd, nil
}

package testpmd

import (
	"fmt"
	"net"
	"strings"
)

// A Port is a port of testpmd.
type Port interface {
	// device returns the argument of --vdev for port i.
	device(i int) string
}

// A Guest is a virtio-user port: testpmd has the place of a virtual machine, its memory and driver.
type Guest struct {
	Socket string // path
	// Client: testpmd connects to the switch's socket; else it owns the socket, and starts when the switch has
	// connected.
	Client    bool
	MAC       net.HardwareAddr // nil: testpmd's choice
	Packed    bool             // packed rings, else split ones
	InOrder   bool
	Mergeable bool
	Queues    int // pairs; 0 means 1
	RingSize  int // descriptors of a ring; 0 means 256
}

func (g Guest) device(i int) string {
	args := []string{fmt.Sprintf("net_virtio_user%d", i), "path=" + g.Socket, flag("server", !g.Client),
		flag("packed_vq", g.Packed), flag("in_order", g.InOrder), flag("mrg_rxbuf", g.Mergeable)}
	if g.MAC != nil {
		args = append(args, "mac="+g.MAC.String())
	}
	if g.Queues > 0 {
		args = append(args, fmt.Sprintf("queues=%d", g.Queues))
	}
	if g.RingSize > 0 {
		args = append(args, fmt.Sprintf("queue_size=%d", g.RingSize))
	}
	return strings.Join(args, ",")
}

// A Backend is a vhost port: testpmd has the place of the switch.
type Backend struct {
	Socket string // path
	Client bool   // testpmd connects to the guest's socket, again and again; else it owns the socket
	Queues int    // pairs at most; 0 means 1
}

func (b Backend) device(i int) string {
	return fmt.Sprintf("net_vhost%d,iface=%s,%s,queues=%d", i, b.Socket, flag("client", b.Client), max(1, b.Queues))
}

func flag(name string, on bool) string {
	if on {
		return name + "=1"
	}
	return name + "=0"
}

package switches

import (
	"net/netip"
	"os/exec"

	"github.com/culvertdev/culvert/bench/lab"
)

// A Scene is where a switch stands, and what it is to be able to do.
type Scene struct {
	Dir     string         // for its files; it is made. Its name is unlike those of other switches that run
	Space   *lab.Namespace // where it runs
	CPU     int            // of its one forwarding thread
	Main    int            // of all else it does
	Nice    int            // value that its processes have, from -20 to 19 (setpriority(2)); the user's own switch and the kernel have their own
	Ports   []Port         // numbers 1, 2, … of its bridge
	MTU     int            // bytes, of vhost-user ports; 0: the switch's own, 1500
	Tunnel  *Tunnel        // port TunnelPort of the bridge, whose packets go by the second of two ports, which is not on the bridge then
	NoExact bool           // without an exact-match cache: every packet is looked up under masks
	Inline  bool           // the forwarding thread asks the rules itself about packets that no cache knows
}

// A Port is one of a switch: a vhost-user port if it has a Socket, the user's own affair if it has a Peer, a device with AF_XDP otherwise.
type Port struct {
	Socket string    // path: a guest listens there, and the switch connects
	Device string    // interface in the scene's Space
	Peer   Interface // at the other end, where the generator is
}

// An Interface is one that a generator sends and receives by.
type Interface struct {
	Type      string // of the generator's port: afxdp or afpacket
	Device    string
	Namespace string // path of its network namespace; "": the caller's
}

// TunnelPort is the number of the tunnel's port.
const TunnelPort = 3

// A Tunnel is one between the switch and a far end that is reached by the second port.
type Tunnel struct {
	Type    string // vxlan or geneve
	Key     uint32
	Near    netip.Addr // the switch's
	Far     netip.Addr
	NearMAC [6]byte // the switch's
	FarMAC  [6]byte
}

// start starts a process of the switch, as the scene says: every switch starts all that it consists of by this.
func (s *Scene) start(cmd *exec.Cmd) error { return s.Space.StartNice(cmd, s.Nice) }

// PortsTo are AF_XDP ports to the hosts of a lab, in their order.
func PortsTo(l *lab.Lab) (list []Port) {
	for _, h := range l.Hosts {
		list = append(list, Port{Device: h.Port})
	}
	return list
}

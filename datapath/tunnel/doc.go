// Package tunnel is ports whose packets travel as the payload of others: what the options of such a port say,
// and how a flow's packets leave by it.
//
// A tunnel port has no device. Packets that come in by one are found among those of physical ports (package
// encap), and packets that leave by one are given a header stack and leave by a physical port. What the stack
// says comes from the port's options, from the packet's tunnel fields, which rules may set, or from a look-up;
// where it leaves, and to which Ethernet address, from the underlay's routes. All of that is decided once for a
// flow, on the slow path: [Port.Send] writes it into the flow's program, and says what of the packet it looked
// at and which routes and look-ups it rests on.
//
// Options, defaults and the way a packet's tunnel is found are those of Open vSwitch (ovs-vswitchd.conf.db(5),
// Interface, "Tunnel Options"); docs/tunnels.md has the differences.
package tunnel

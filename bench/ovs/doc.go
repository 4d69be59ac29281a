// Package ovs runs a private Open vSwitch for tests and comparisons: a database, a directory and
// processes of its own, which need nothing of the machine's but the programs of Debian's package
// openvswitch-switch.
//
// With the dummy datapath ([Options].Dummy) it needs no privilege either: ports exist in the process only,
// packets come in by [Instance.Receive], and what a port sends is in its capture ([Instance.Sent]).
package ovs

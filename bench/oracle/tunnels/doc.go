// Package tunnels sends the same packets into and out of the same tunnels in Open vSwitch and in Culvert, and compares
// what leaves every port, and which rules and header stacks their traces show.
//
// A [Scene] is tunnels, rules and packets, made from a seed, in the words that Open vSwitch has for them. Both switches
// have the same two bridges: br0 with the ports p1 and p2 and the tunnels, and one below it with the port wan, the
// addresses of the underlay and neighbours that are known. Open vSwitch's tunnels are those of its userspace datapath,
// with dummy ports; Culvert is the offline switch of `culvert replay`.
//
// Each packet that Open vSwitch sends into a tunnel comes back to both as if its receiver had sent it, as it was or with
// something changed.
//
// What is made up as a packet leaves is not compared but checked: source ports from a hash, identifications, time
// stamps. Flow labels are left out: Open vSwitch has none.
package tunnels

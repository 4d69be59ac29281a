// Package overlay tests the daemon's tunnels with those at their other ends: the kernel's VXLAN devices in network
// namespaces, Open vSwitch's userspace datapath, and the tunnel devices of a Linux guest in QEMU. tshark reads what
// the daemon sends into tunnels, as it comes to the far end; malformed packets are made here and by scapy (malformed.py). The package has tests only, which need root and the packages that .ci/deps installs.
//
// In each test there is one host inside, alice, on an AF_XDP port of the daemon's bridge, and one beyond the tunnel:
//
//	alice  10.88.0.1 ---p1 [ inside ] tun
//	       fd88::1                     :        10.77.0.100, fd77::100
//	                       [ outside ] wan--------- far  10.77.0.2, fd77::2; in the tunnel 10.88.0.2, fd88::2
//
// Where next hops are lost or move there are routers between wan1, wan2 and far, which is 198.51.100.2 then.
package overlay

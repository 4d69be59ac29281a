// Package guests has tests of Culvert's own guest ports (vhost/frontend) behind real switches: DPDK's testpmd, Open
// vSwitch with DPDK, and the daemon.
package guests

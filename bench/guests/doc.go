// Package guests has tests of Culvert's own guest ports (vhost/frontend) behind other switches: DPDK's testpmd and Open
// vSwitch with DPDK.
package guests

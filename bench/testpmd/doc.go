// Package testpmd runs DPDK's testpmd for tests and comparisons: as guest and generator of packets on virtio-user
// ports ([Guest]), or as the least that a switch can do, forwarding between vhost ports without any look-up
// ([Backend]). It needs root and, for speed, hugepages; no file system of them has to be mounted.
//
// Debian has it in the packages dpdk-dev, librte-net-virtio23 and librte-net-vhost23.
package testpmd

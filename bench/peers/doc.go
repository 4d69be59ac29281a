// Package peers tests both ends of vhost-user with real ones at the other: the daemon's ports with testpmd's virtio-user
// ports and Linux in QEMU, and Culvert's own guest ports (vhost/frontend) behind testpmd, Open vSwitch with DPDK and the
// daemon. It has tests only, which need root and the packages that .ci/deps installs.
package peers

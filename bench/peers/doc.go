// Package peers tests the daemon's vhost-user ports with those they are made for: testpmd's virtio-user ports, and
// Linux in QEMU. It has tests only, which need root and the packages that .ci/deps installs.
package peers

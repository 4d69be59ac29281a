// Package guest runs Linux in QEMU on a vhost-user port, for tests of a switch with a real driver: a kernel, one
// program for its init ([inside.Machine]), and nothing else. The processor is emulated, so figures of a guest say
// little but in comparison with another guest's.
//
// A [Host] is told what to do from outside: ping, send and receive TCP, set a link's address and offloads. A network
// namespace can be one as well ([In]).
//
// It needs Debian's package qemu-system-x86, and the kernel that .ci/guest-kernel fetches.
package guest

// Package traffic makes and checks traffic between the hosts of a laboratory, with the kernel's own
// network stack at both ends and no program but this one: ping, TCP in bulk, and packets at a rate.
//
// It checks what arrives: a lost, changed, repeated or swapped byte of a TCP stream or an echo is an
// error or a counted loss, never just a lower rate.
//
// Thread-safety: every function is safe for concurrent use; a Blaster is for one goroutine. Sockets
// are made on the threads of the hosts' namespaces and used from whatever goroutine calls.
package traffic

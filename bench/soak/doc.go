// Package soak is what `culvert soak` does: the real daemon under mixed traffic for a long time while
// ports, links, rules and whole configurations come and go, and a verdict whether anything was lost on
// the way: connectivity, counters, memory, descriptors, frames.
//
// The network is five hosts in namespaces, four of them on AF_XDP ports and one on a packet socket, the
// switch's own host on a tap port, and a capture that is played for ever. One of the hosts is on a second
// bridge behind a VLAN trunk of two memory ports. Three things happen at once:
//
//   - the mix: streams of traffic, each with pauses of its own, good packets and bad ones;
//   - the churn: steps chosen by a seeded generator, one after the other. After each, every host must
//     be reached again within a bound;
//   - the samples: memory, threads, descriptors and all counters, every few seconds. No counter may go
//     back unless its object was removed.
//
// Every minute or so the mix pauses until the counters stand still, and then they must add up exactly.
//
// It is no benchmark: rates are moderate, so that what goes wrong is the switch's doing and not the
// machine's. It measures nothing that is compared with anything else.
//
// It leaves nothing behind, however it ends: see package lab.
//
// Thread-safety: Run may be called once at a time in a process, as it looks after the process's signals.
package soak

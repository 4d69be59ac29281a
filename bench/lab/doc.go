// Package lab builds laboratories for the scenarios of bench: anonymous network namespaces on this
// machine, veth pairs between them, processes inside them.
//
// It generates no traffic (package traffic does) and starts no switch (package daemon does). It sets no
// sysctl and no interface's offload settings: what works here works on an interface as the kernel
// makes it.
//
// Nothing a lab makes has a name outside the process. A namespace lives as long as something is in
// it: a thread of this process, sockets, a child process. Each child is killed by the kernel when the
// thread that started it ends, and all threads end with the process, so even SIGKILL leaves no
// namespace, link or child behind. The one thing with a name, a scratch directory, is locked while its
// process lives, and the next one removes it.
//
// Thread-safety: all methods are safe for concurrent use, except that nothing may be used after, or
// during, Close.
package lab

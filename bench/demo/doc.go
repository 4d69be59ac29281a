// Package demo is what `culvert demo` does: three hosts with Culvert between them, then two hosts with an overlay
// between them; traffic, and a result to look at, in under a minute.
//
// Where the machine allows it the hosts are network namespaces on veth pairs and the switch is the real
// daemon, started with a real configuration file, on AF_XDP ports. Elsewhere the demo names what is
// missing and tells the first part of the story over memory ports, in this process. The second part has two daemons, a
// look-up plug-in for each, and etcd as what they share; a container moves from one to the other under TCP.
//
// It checks what it shows. It leaves nothing behind, however it ends: see package lab; and several
// demos can run at once, since nothing they make has a name that another could have.
//
// Thread-safety: Run may be called once at a time in a process, as it looks after the process's signals.
package demo

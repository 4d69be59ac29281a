// Package storm measures what a port that sends nothing but new flows takes from the established flows
// of another port on the same worker.
//
//	established ──▶ "calm"  ─┐            ┌─ "calm-out"  ──▶ counted, in order
//	                         ├─ 1 worker ─┤
//	new flows   ──▶ "storm" ─┘     │      └─ "storm-out" ──▶ counted
//	                           slow path
//
// The switch is the real one: worker, caches, slow path, revalidator and OpenFlow table; only the ports
// are memory ports. One goroutine plays all four hosts, so whatever it cannot keep up with lowers the
// rate that is offered and never fills a ring: what is lost, the switch has lost, or the machine, which kept
// the worker off its CPU meanwhile (Phase.Waited).
//
// The worker has a CPU of its own. Everybody else, slow path, revalidator, collector and the goroutine
// with the hosts, shares the other CPUs of the process, as in the daemon.
//
// Thread-safety: [Run] changes the CPU affinity of the process and the settings of the Go runtime while it
// lasts, so only one may run at a time. It owns all memory it uses and returns an error if a frame is missing
// at its end.
package storm

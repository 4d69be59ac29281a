// Package pass measures what a packet costs on its way from one guest to another, inside one process: two guests on
// the driver's half of the rings, two vhost-user ports, and between them the whole switch, or nothing.
//
//	guest ─ ring ─ port ─┐                 one goroutine is both guests, on a CPU of its own if there are two
//	guest ─ ring ─ port ─┴─ worker, switch
//
// It has benchmarks only; bench/suite measures with real peers. What they report:
//
//	Mpps                packets that arrived, both directions together
//	recv-cycles/pkt     of the worker in a port's receive queue
//	switch-cycles/pkt   between that and the transmit queue
//	send-cycles/pkt     in a port's transmit queue
//
// The cycles are the first decile over full batches: what other work on the machine costs shows in the rate alone.
package pass

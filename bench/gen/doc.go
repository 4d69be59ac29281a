// Package gen is a generator of traffic and the sink it ends in: it measures a switch from outside, by ports that the
// switch has its other ends of.
//
//	stream ─ frames ─▶ sender ── at its pace ──▶ port ▶▶ switch ▶▶ port ──▶ receiver ─▶ sink
//
// A [Generator] has ports (package port). A [Job] sends streams between them (package stream; captures by package
// capture) at their paces (package pace) for some time, and a [Result] says what became of the frames (package sink), how
// well the generator itself kept up, and in Limits in words when it was the generator, and not the switch, that set
// the figures.
//
// It runs on one thread, which sends and receives in turn, or on two. They poll, allocate nothing and take no lock while a
// job runs; the clock is the CPU's cycle counter, read once for each burst.
//
// It belongs in a process of its own, never in that of a switch: package control makes it one, `culvert bench gen`.
//
// Thread-safety: methods of a Generator are safe for concurrent use; one job runs at a time.
package gen

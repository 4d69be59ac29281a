// Package flowcache holds what the switch remembers about flows it has seen: the exact-match cache of
// each worker ([EMC]), the megaflow cache that all workers share ([Megaflow]), the interned lists that
// flows point at ([Lists]) and the grace periods that make removal safe ([Epochs]).
//
// It is not the rule table, and it decides nothing: the slow path says which bits of a key counted and
// what is to be done, and the cache gives that answer to every packet that is equal in those bits.
// Every flow in it is right by itself, so where two flows overlap, either answer is right and the first
// one found is taken.
//
// # Cost
//
// A packet whose key a worker has seen lately is looked up under one mask, that of its flow: hints say which, and four
// bytes are all they take for a key. Only where they know nothing, or what is no longer so, masks are tried in turn.
// A look-up under one mask reads one cache line of the bucket table, now and then a second, never a
// third; packets of one port are looked up under at most Options.MasksPerPort masks, or as many as SetPort
// says, and two of last resort: the connection's and the exact one. Nothing that traffic or rules can do raises
// that bound. When a port has all its masks, its new flows go under a more specific one: more upcalls for that
// port, no more work per packet, and nothing at all for other ports. Masks used least make room for those that
// many more of the port's new flows ask for (SortMasks).
//
// No port can fill the cache for others: half of it is guaranteed to the ports in equal parts (SetPort), the
// rest is lent. Where little is left of that, flows are entered from their second packet on (Defers).
//
// Measured on an AMD EPYC (Zen 5) in a virtual machine with two cores, others at work on them, in batches
// of 64 packets, ns per packet (BenchmarkEMC, BenchmarkMegaflow): EMC hit 8.5 with one flow, 10 with 1024,
// miss 5.6; megaflow hit 27 with one mask, 80 with 8 and 215 with 32, of which half are probed on average;
// 55 with one mask and a million flows, 167 with 8.
//
// # Memory
//
// All of it is reserved by [New] outside the Go heap (package slab) and backed by the kernel as flows come, so
// that the collector neither scans nor counts it. A flow takes 184 bytes: entry with key 128, baseline 24, its
// share of the buckets 32, up to 64 where the capacity is just above a power of two. To that come 64 for each
// extension block its mask looks into, and 40 to 48 of counters and hints for each worker that uses it; and, where room is scarce, up
// to 8 for each flow there is room for, to remember those that were not entered. Measured with a
// million flows: 186 bytes resident for each, and 33 for the counters of one worker. What holds pointers, and
// is on the heap, is one word for each port.
//
// # Who writes what, and why readers need no lock
//
// There is one writer at a time (the caller's lock), and any number of workers that read. Go's atomic
// operations behave as if executed in one order that all goroutines agree on, and an atomic load that
// sees a store makes everything the storing goroutine did before visible (go.dev/ref/mem). That is all
// that the following uses; plain fields are written only while nobody can reach them.
//
//	field                 written by  when                                        read by workers
//	entry.base, mask, ext writer      before put, in a slot nobody can find       plain, after finding the slot
//	masks[id]             writer      before a list names id                      plain, after loading the list
//	entry.gen             writer      +1 before put, +1 after leaving the bucket  atomic
//	entry.verdict         writer      before put; swapped by Update               atomic
//	words of a list       writer      before its id is in a flow                  plain, after loading actions
//	bucket words          writer      entry, then tag; spill count before both    atomic
//	ports[p]              writer      a new immutable list each time              atomic
//	a share's words       writer      as flows come and go                        - (atomic, for PortUse)
//	rows, hits, probes    one worker  any time                                    -
//	Epoch.seen            one worker  at Tick, Offline, Online                    -
//
// Insertion. The writer fills slot, mask and lists with plain stores, makes gen odd, and stores the
// bucket entry, then the tag. A worker that loads the entry sees all that was stored before it. One that
// comes between entry and tag, or between the bucket and the list of masks, misses; the slow path then
// finds the flow with [Megaflow.Find] before it translates anything. A flow that stays in the cache is never
// missed for what happens to others: no entry is ever moved, a mask leaves its port's list only after
// its last flow, and the list that a worker has in hand never changes.
//
// Removal. The writer takes tag and entry out of the bucket, makes gen even, and takes a stamp. Workers
// that loaded the entry before go on with slot, mask and actions as they were until they tick: all three
// are used again only after the stamp has passed. A worker whose epoch has reached the stamp loaded the
// current epoch after the stamp was taken, thus after the entry was cleared, and cannot find the slot any
// more; what it read before the tick happened before the writer saw the tick.
//
// Sleep. An offline worker is not waited for. When it comes back, it stores its epoch before it loads
// anything. If the writer looked before that store, the removal precedes every load that the worker
// makes from now on, so it cannot find what is being reused; if the writer looked after, it waits. Here the
// order of the worker's store and its next load matters, which Go's atomics give and acquire and release
// alone would not.
//
// EMC. An entry names slot and generation. If the generation still matches, the flow had not left
// when it was loaded, so the worker's next tick is still to be waited for: slot and actions hold until
// then. If the flow left, the generation has moved on, and no later life of the slot has the same one: 64
// bits do not come round. The worker reads nothing else of the slot before that check.
//
// Hints. A hint names a slot alone, and the worker compares its key with whatever flow is there. An odd generation says
// that there is one: it had not left when the generation was loaded, so it stays as it is until the worker's next tick.
//
// Statistics. A worker adds to its own rows only, with plain stores of aligned words (see bump). A reused
// slot's rows are not reset, since they are not the writer's: the sum at insertion is the baseline. It is
// exact because a worker credits before its tick, and the slot is reused after that.
package flowcache

// Package virtq is the device's half of virtqueues: the side of the switch. It takes what a guest offers, hands
// out the memory that the guest's descriptors name, and gives it back. The driver's half is in virtq/driver.
//
// There are two layouts, [Split] and [Packed] (VIRTIO 1.2, 2.7 and 2.8), with the same methods:
//
//	n, err := q.Take(&chains, 64)   // up to 64 chains of buffers, checked and translated
//	...                             // read what is Readable, write what is Writable, set Written
//	q.Give(&chains, used)           // the first used chains go back, the rest were not taken
//	q.Publish()                     // the guest sees what was given, all at once
//	if q.Interrupt() { ... }        // the guest wants to be told
//
// and, before its worker sleeps, Kicks(true). A queue has no goroutine, lock or clock, and allocates nothing.
//
// # What a guest can do
//
// Everything in a ring is the guest's, at any time, also while it is read. Descriptors and indices are read once,
// into locals, and then checked: that a chain ends, that it stays within the ring, that each piece lies in the
// guest's memory, that no length is zero and no sum wraps around. A guest that breaks a rule gets an [Error],
// which says which, and its queue is dead until it is set up anew. What one call does is bounded by its
// arguments and MaxSegments, whatever the ring says.
//
// # Order of memory accesses
//
// The words by which the two sides pass buffers on (avail.idx, used.idx, the flags of a packed descriptor, the
// event words) are loaded and stored atomically; everything else is ordered by them, as the memory barriers of
// VIRTIO 1.2, 2.7.13 and 2.8.21 demand. Go's atomics are sequentially consistent on every processor, so that
// holds on weakly ordered ones as well. On x86 a load costs nothing, and a store, which costs twenty cycles, is
// made once per batch: entries that nobody looks at before an earlier one is there are stored plainly.
//
// VIRTIO wants words of 16 bits in places where Go has atomics of 32 and more. A word of 32 bits around them is
// loaded then; it is changed only when both halves are ours, or by compare and swap.
//
// The rings are little-endian, and so must the processor be.
//
// # Where a device goes on
//
// A device that is stopped in order has given everything back and tells its Position. What one that is killed
// between Take and Publish leaves differs:
//
//   - With an inflight region (vhost-user, "Inflight I/O tracking") the next device takes what was under way once
//     more, in the same order, and nothing else twice: a chain comes back to the guest exactly once. What was done
//     with the chain's data before is done again.
//   - A split ring without one says in its used index what the guest has seen. The next device goes on there: a
//     chain comes back exactly once here too, as long as devices keep the order, as this one does.
//   - A packed ring without one does not say where its device was. This one leaves the descriptor before that place
//     looking used, whatever chains there are, so that the next finds it and goes on there, if all else in the ring
//     agrees. It does not where the device was killed between writing a batch and publishing it, or has given
//     several chains back by one entry, as in order it may: then the ring is RingLost, its driver has to set it up
//     anew, and what was under way is lost. Nothing is done twice in either case.
//
// # Cost
//
// To take a chain of one buffer and give it back is 5 ns in a split ring and 6 to 7.5 in a packed one, on one core in
// batches of 32 to 256 (BenchmarkDevice, least of twelve runs, on a machine that had other work, 2026-11-21); an
// inflight region added 2 to 4 before its notes were made a batch at a time, and bringing the ring's lines from the guest's core costs more than all of this.
// What keeps it there: the loops over plain chains (takeRun) call nothing and put nothing aside, a chain is two
// words, and no struct is written in parts and read as a whole before the parts have arrived.
package virtq

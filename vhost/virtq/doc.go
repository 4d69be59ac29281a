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
package virtq

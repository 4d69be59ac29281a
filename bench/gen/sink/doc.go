// Package sink says what became of the frames of streams: which arrived, in which order, how often and after which
// time.
//
// # What is counted
//
//   - A frame is lost when none with its number arrives while the sink listens (RFC 7680, with that time as Tmax).
//   - A frame is a duplicate when one with its number has arrived before (RFC 5560).
//   - A frame is reordered when one with a higher number has arrived before it (RFC 4737, Type-P-Reordered). Its
//     extent is the number of frames that arrived since the first of those, that one included (RFC 4737 section 4.2).
//   - Latency is from the moment before a burst was handed to the sending port to the moment the receiving port handed
//     out the frame; of every burst one frame is taken.
//
// The sink remembers the last [Window] numbers of each stream. A frame older than that counts as reordered, and as
// late: whether it is a duplicate is not known, and it counts as arrived.
//
// Thread-safety: one goroutine at a time.
package sink

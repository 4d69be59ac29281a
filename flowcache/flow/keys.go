package flow

import "github.com/culvertdev/culvert/ring/frame"

// Keys are the flow keys of a batch and what extraction found beside them, as arrays, so that each
// stage runs through memory in order. A worker owns one and uses it again for every batch.
//
// Element i belongs to frame i of the batch that was extracted.
type Keys struct {
	N     int                               // frames extracted
	Block [FastBlocks][frame.MaxBatch]Block // blocks a packet lacks hold old bytes
	Hash  [frame.MaxBatch]uint64            // keyed hash over all blocks present
	L3    [frame.MaxBatch]uint16            // offset of the network header in bytes; 0: none
	L4    [frame.MaxBatch]uint16            // offset of the transport header in bytes; 0: none
}

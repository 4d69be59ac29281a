// Package pmd holds the contract between the switch and its ports ([Port], [RxQueue], [TxQueue],
// [Processor]) and what drives them: [Worker], a thread that polls receive queues and hands what they
// hold to a Processor, and [Group], which owns the workers and decides who polls which queue.
//
// It knows nothing of packets' contents and nothing of any device; drivers live in packages below, and
// the switch above.
//
// One poll cycle of a worker:
//
//	┌─> the clock, once
//	│   each receive queue: Recv ─> Processor.Process      up to 4 batches per queue
//	│   Processor.Flush(now)
//	└── nothing for a while: arm queues, Processor.Park, sleep, Processor.Resume
//
// Ownership: a queue belongs to one worker at a time, from AddQueue to RemoveQueue; frames belong to
// the Processor once Process is called.
//
// Thread-safety: methods of queues and processors are for their worker alone, as each says; methods of
// Worker and Group are safe for concurrent use.
package pmd

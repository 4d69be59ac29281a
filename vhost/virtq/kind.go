package virtq

import "fmt"

// A Kind says which rule a guest has broken. Its String is the label of a metric.
type Kind uint8

// What a guest can do wrong. The sentences are in kinds.
const (
	BadSize Kind = iota + 1
	RingOutside
	RingMisaligned
	BadPosition
	BadInflight
	BadLog
	IndexJump
	HeadRange
	NextRange
	IDRange
	ChainLoop
	ChainOpen
	TooManySegments
	TooManyBytes
	EmptyBuffer
	BufferOrder
	BufferOutside
	IndirectRefused
	IndirectNested
	IndirectNext
	IndirectSize
	IndirectOutside
	RingScattered
	RingLost
	kindEnd
)

var kinds = [kindEnd]struct{ name, sentence string }{
	0:               {"none", "nothing is wrong"},
	BadSize:         {"ring_size", "the ring's size is not one that its layout allows"},
	RingOutside:     {"ring_outside_memory", "a part of the ring is not in the guest's memory"},
	RingMisaligned:  {"ring_misaligned", "a part of the ring is not aligned as VIRTIO 1.2 wants it"},
	BadPosition:     {"ring_position", "the position to start from is not in the ring"},
	BadInflight:     {"inflight_region", "the region of buffers in flight does not fit the ring, or makes no sense"},
	BadLog:          {"log_too_small", "the log of dirty pages does not cover all memory, or not the ring"},
	IndexJump:       {"avail_index_jump", "the available index is further ahead than the ring is long"},
	HeadRange:       {"head_out_of_range", "an available entry names a descriptor that the ring does not have"},
	NextRange:       {"next_out_of_range", "a descriptor goes on at one that its table does not have"},
	IDRange:         {"id_out_of_range", "a buffer id is not below the ring's size"},
	ChainLoop:       {"descriptor_loop", "a chain has more descriptors than its table: it loops"},
	ChainOpen:       {"chain_not_available", "a chain goes on in a descriptor that is not available"},
	TooManySegments: {"too_many_segments", "a chain has more pieces than are taken"},
	TooManyBytes:    {"too_many_bytes", "a chain has 4 GiB or more"},
	EmptyBuffer:     {"empty_buffer", "a descriptor has length zero"},
	BufferOrder:     {"buffer_order", "a readable buffer follows a writable one"},
	BufferOutside:   {"buffer_outside_memory", "a buffer is not in the guest's memory"},
	IndirectRefused: {"indirect_not_negotiated", "a descriptor is indirect, which was not negotiated"},
	IndirectNested:  {"indirect_nested", "an indirect table holds an indirect descriptor"},
	IndirectNext:    {"indirect_with_next", "an indirect descriptor stands in a chain where none may stand"},
	IndirectSize:    {"indirect_size", "an indirect table is not made of one or more whole descriptors"},
	IndirectOutside: {"indirect_outside_memory", "an indirect table is not in the guest's memory"},
	RingScattered:   {"ring_scattered", "a part of the ring is not in one piece of the guest's memory"},
	RingLost:        {"ring_lost", "where the device before this one stopped cannot be told: the driver has to set the ring up anew"},
}

// String returns the kind's name, in the form of a metric's label.
func (k Kind) String() string {
	if k >= kindEnd {
		return fmt.Sprintf("kind_%d", uint8(k))
	}
	return kinds[k].name
}

// Sentence says what is wrong, for people.
func (k Kind) Sentence() string {
	if k >= kindEnd {
		return "unknown"
	}
	return kinds[k].sentence
}

// An Error is what a guest did wrong with a ring.
type Error struct {
	Kind  Kind
	At    uint32 // where in the ring: the available entry, or the packed descriptor, the chain begins at
	Value uint64 // what was found there, of the kind's own meaning: an index, an address, a length
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (%s; ring entry %d, found %#x)", e.Kind.Sentence(), e.Kind, e.At, e.Value)
}

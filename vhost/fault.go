package vhost

import (
	"errors"
	"io"

	"github.com/culvertdev/culvert/vhost/virtq"
)

// A fault is a kind of thing that ends a session: the name of its counter behind faultPrefix, and its sentence.
type fault struct{ name, help string }

const faultPrefix = "fault_"

// Faults that are not those of a ring, which virtq names.
var (
	faultMessage = fault{"message", "Sessions ended because of a message that was not as the protocol wants it."}
	faultMemory  = fault{"memory", "Sessions ended because the guest's memory was taken away."}
	faultHeader  = fault{"header", "Sessions ended because of a virtio-net header that cannot be true."}
	faultSilent  = fault{"silent", "Sessions ended because the frontend neither became the owner nor set features in time."}
	faultCall    = fault{"call", "Sessions ended because the frontend held up who told it of packets."}
)

// faultOf says what kind of fault ended a session; ok is false when the other side has just gone.
func faultOf(err error) (f fault, ok bool) {
	var ring *virtq.Error
	var memory *MemoryError
	switch {
	case errors.Is(err, errClosing), errors.Is(err, io.EOF):
		return f, false
	case errors.As(err, &ring):
		return fault{ring.Kind.String(), "Sessions ended because " + ring.Kind.Sentence() + "."}, true
	case errors.As(err, &memory):
		return faultMemory, true
	case errors.Is(err, ErrHeader):
		return faultHeader, true
	case errors.Is(err, errSilent):
		return faultSilent, true
	case errors.Is(err, errCallBlocks):
		return faultCall, true
	}
	return faultMessage, true
}

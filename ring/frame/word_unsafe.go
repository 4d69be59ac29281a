package frame

import "unsafe"

// word returns all of f in one load. Which bits are which depends on the processor: see asFrame.
func (f *Frame) word() uint64 { return *(*uint64)(unsafe.Pointer(f)) }

// asFrame returns the frame whose fields have the bits of a word, or of several combined: the fields of their
// disjunction are the disjunctions of their fields.
func asFrame(word uint64) Frame { return *(*Frame)(unsafe.Pointer(&word)) }

// A word is a frame.
var _ = [1]struct{}{}[unsafe.Sizeof(Frame{})-8]

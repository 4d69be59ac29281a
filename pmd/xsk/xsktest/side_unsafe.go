package xsktest

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newSide continues where the ring stands.
func newSide(mem []byte, slots uint32) side {
	// Valid: the offsets are multiples of 8 and within mem, which make has aligned to 8 at least.
	s := side{
		producer: (*atomic.Uint32)(unsafe.Pointer(&mem[producerOff])),
		consumer: (*atomic.Uint32)(unsafe.Pointer(&mem[consumerOff])),
		flags:    (*atomic.Uint32)(unsafe.Pointer(&mem[flagsOff])),
		mem:      mem,
		slots:    slots,
	}
	s.next = s.producer.Load()
	return s
}

// Plain accesses to the slots, which the race detector checks against the driver's.

func (s *side) slot(i, size uint32) unsafe.Pointer {
	// Valid: within mem, and aligned, since slotsOff and size are multiples of 8.
	return unsafe.Pointer(&s.mem[slotsOff+i%s.slots*size])
}

func (s *side) addr(i uint32) uint64       { return *(*uint64)(s.slot(i, addrSize)) }
func (s *side) setAddr(i uint32, v uint64) { *(*uint64)(s.slot(i, addrSize)) = v }

func (s *side) desc(i uint32) unix.XDPDesc       { return *(*unix.XDPDesc)(s.slot(i, descSize)) }
func (s *side) setDesc(i uint32, d unix.XDPDesc) { *(*unix.XDPDesc)(s.slot(i, descSize)) = d }

package driver

import (
	"fmt"
	"math/bits"
)

// MaxSize is the most entries a ring has (VIRTIO 1.2, 2.7 and 2.8).
const MaxSize = 32768

// Config describes a ring as it was negotiated.
type Config struct {
	Size       int    // entries: up to MaxSize; a power of two
	Base       uint64 // the address that the device knows the ring's memory by; aligned to 16
	Table      int    // descriptors of each indirect table; 0 makes none (VIRTIO_F_INDIRECT_DESC)
	EventIndex bool   // VIRTIO_F_EVENT_IDX
	InOrder    bool   // VIRTIO_F_IN_ORDER: the device gives chains back in the order they came
}

// check holds a configuration to what is promised above.
func (c Config) check() error {
	switch {
	case c.Size < 1 || c.Size > MaxSize || bits.OnesCount(uint(c.Size)) != 1:
		return fmt.Errorf("ring of %d entries: want a power of two up to %d", c.Size, MaxSize)
	case c.Table < 0 || c.Table > 1024:
		return fmt.Errorf("indirect tables of %d descriptors: want up to 1024", c.Table)
	case c.Base%16 != 0:
		return fmt.Errorf("ring at address %#x: not aligned to 16 bytes", c.Base)
	}
	return nil
}

// A Buffer is memory that a chain consists of.
type Buffer struct {
	Addr uint64 // the address that the device knows it by
	Len  uint32 // bytes, more than 0
}

// A Done is a chain that the device has done with.
type Done struct {
	Cookie  uint32 // as it was added
	Written uint32 // bytes that the device says it has written to the writable buffers
}

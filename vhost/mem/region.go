package mem

import (
	"fmt"
	"math"
)

// MaxRegions is how many regions a table takes. A Linux host gives a guest 509 slots for memory, the most a
// frontend can want to announce (vhost-user, VHOST_USER_GET_MAX_MEM_SLOTS).
const MaxRegions = 509

// regionAlign is what a region's numbers are multiples of, in bytes. Frontends share whole pages; what relies on
// it is that an aligned word which begins in a region lies in it.
const regionAlign = 8

// A Region says where a piece of a file stands in a guest (vhost-user, "Memory regions description").
type Region struct {
	Guest  uint64 // guest-physical address of the first byte
	User   uint64 // the frontend's own address of the first byte
	Size   uint64 // bytes
	Offset uint64 // of the first byte in the file
}

func (r Region) String() string {
	return fmt.Sprintf("region of %#x bytes at guest address %#x, user address %#x, file offset %#x",
		r.Size, r.Guest, r.User, r.Offset)
}

// check holds a region to what arithmetic on it relies on: addresses behind its last byte exist, and the end
// in the file is a file offset.
func (r Region) check() error {
	switch {
	case r.Size == 0:
		return fmt.Errorf("%v: empty", r)
	case r.Guest > math.MaxUint64-r.Size:
		return fmt.Errorf("%v: its guest addresses wrap around", r)
	case r.User > math.MaxUint64-r.Size:
		return fmt.Errorf("%v: its user addresses wrap around", r)
	case (r.Guest|r.User|r.Size|r.Offset)%regionAlign != 0:
		return fmt.Errorf("%v: not aligned to %d bytes", r, regionAlign)
	case r.Offset > math.MaxInt64 || r.Size > math.MaxInt64-r.Offset:
		return fmt.Errorf("%v: no file is that long", r)
	}
	return nil
}

package mem

import (
	"fmt"
	"math/bits"
	"sync/atomic"
)

// Bounds of what frontends may have mapped, in bytes. Files of memory may be as long as their owners say without having
// a page: what runs out first is addresses, and a Go program that is out of those ends.
const (
	// SpaceBytes is what all mappings of a Space may have together: half of the addresses that a process on x86-64 has.
	SpaceBytes = 1 << 46
	// MaxGuest is the most that one guest may have, so that some of them do not take everything: 4 TiB.
	MaxGuest = 1 << 42
	// MaxLog is the longest log of dirty pages: a bit for each page of the 2^52 bytes that a processor addresses.
	MaxLog = 1 << 52 / LogPage / 8
)

// A Space is the addresses that the guests of one process share. The zero value is ready to use; a nil Space has no
// bound.
//
// Thread-safety: all methods are safe for concurrent use.
type Space struct{ taken atomic.Uint64 }

// Map is [Map] within the bounds of the space; the mapping gives back what it took when it is unmapped.
func (s *Space) Map(fd int, r Region) (*Mapping, error) {
	if s == nil {
		return Map(fd, r)
	}
	if err := s.take(r.Size); err != nil {
		return nil, fmt.Errorf("%v: %w", r, err)
	}
	m, err := Map(fd, r)
	if err != nil {
		s.give(r.Size)
		return nil, err
	}
	m.space = s
	return m, nil
}

// MapLog is [MapLog] within the bounds of the space; the log gives back what it took when it is closed.
func (s *Space) MapLog(fd int, size, offset uint64) (*Log, error) {
	if s == nil {
		return MapLog(fd, size, offset)
	}
	if err := s.take(size); err != nil {
		return nil, fmt.Errorf("log of %#x bytes: %w", size, err)
	}
	l, err := MapLog(fd, size, offset)
	if err != nil {
		s.give(size)
		return nil, err
	}
	l.space, l.size = s, size
	return l, nil
}

// take counts n bytes of addresses, if there are as many left.
func (s *Space) take(n uint64) error {
	if taken := s.taken.Add(n); n > SpaceBytes || taken > SpaceBytes {
		s.give(n)
		return fmt.Errorf("guests have %#x bytes already, and all may have %#x", taken-n, uint64(SpaceBytes))
	}
	return nil
}

// give takes back what n bytes of addresses were counted for.
func (s *Space) give(n uint64) {
	if s != nil {
		s.taken.Add(-n)
	}
}

// Total returns the bytes that regions have together; false when no guest may have so many, or no number says them.
func Total(regions ...Region) (sum uint64, ok bool) {
	for _, r := range regions {
		var carry uint64
		if sum, carry = bits.Add64(sum, r.Size, 0); carry != 0 || sum > MaxGuest {
			return 0, false
		}
	}
	return sum, true
}

// Size returns the bytes of memory that t has.
func (t *Table) Size() (n uint64) {
	for _, m := range t.maps {
		n += m.region.Size
	}
	return n
}

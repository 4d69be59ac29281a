package mem

import (
	"fmt"
	"math"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// LogPage is the number of bytes that one bit of a log stands for (vhost-user, VHOST_LOG_PAGE).
const LogPage = 4096

// A Log is the bitmap of pages that the switch has written to, which a frontend collects while it moves its
// guest to another host. Bit n%8 of byte n/8 is the page of the guest-physical addresses n*LogPage and on
// (vhost-user, "Migration").
//
// Thread-safety: Mark is for any number of goroutines, and for the frontend clearing bits meanwhile. Close is
// for the last user.
type Log struct {
	words []atomic.Uint32
	whole []byte // what was mapped; nil on the heap
	space *Space // whose addresses it takes; nil: nobody counts
	size  uint64 // bytes that it was counted for there
}

// MapLog maps the bitmap of size bytes at offset of a file (VHOST_USER_SET_LOG_BASE). The descriptor remains
// the caller's.
func MapLog(fd int, size, offset uint64) (*Log, error) {
	if size == 0 || size > MaxLog || offset > math.MaxInt64-size {
		return nil, fmt.Errorf("log of %#x bytes at file offset %#x: there is no such place", size, offset)
	}
	whole, bytes, err := mapFile(fd, offset, size)
	if err != nil {
		return nil, fmt.Errorf("log of %#x bytes at file offset %#x: %w", size, offset, err)
	}
	words, ok := wordsOf(bytes)
	if !ok {
		err := fmt.Errorf("log of %#x bytes at file offset %#x: not made of whole words of 32 bits", size, offset)
		if e := unix.Munmap(whole); e != nil {
			return nil, e
		}
		return nil, err
	}
	return &Log{words: words, whole: whole}, nil
}

// NewLog returns a log over ordinary memory that covers size bytes from guest-physical address 0 on.
func NewLog(size uint64) *Log {
	return &Log{words: make([]atomic.Uint32, (size+32*LogPage-1)/(32*LogPage))}
}

// Covers reports whether the log has a bit for each of the n bytes at a guest-physical address.
func (l *Log) Covers(addr, n uint64) bool {
	return n == 0 || addr <= math.MaxUint64-n && (addr+n-1)/LogPage/32 < uint64(len(l.words))
}

// CoversTable reports whether the log has a bit for all memory of t.
func (l *Log) CoversTable(t *Table) bool {
	for _, m := range t.maps {
		if !l.Covers(m.region.Guest, m.region.Size) {
			return false
		}
	}
	return true
}

// Mark notes that the n bytes at a guest-physical address were written to. It comes after the write: a
// frontend that finds the bit then finds the data. Pages the log has no bit for are not noted.
//
// The bit is set by an atomic operation even when it is set already: a look first would have to be ordered
// behind the write as well, which costs as much.
func (l *Log) Mark(addr, n uint64) {
	if n == 0 || !l.Covers(addr, n) {
		return
	}
	for page, left := addr/LogPage, (addr%LogPage+n+LogPage-1)/LogPage; left > 0; left-- {
		l.words[page/32].Or(1 << (page % 32))
		page++
	}
}

// Marked reports whether the page of a guest-physical address is noted.
func (l *Log) Marked(addr uint64) bool {
	return l.Covers(addr, 1) && l.words[addr/LogPage/32].Load()>>(addr/LogPage%32)&1 != 0
}

// Close unmaps the log. Nobody may use it any more.
func (l *Log) Close() error {
	was := *l
	*l = Log{}
	if was.whole == nil {
		return nil
	}
	err := unix.Munmap(was.whole)
	was.space.give(was.size)
	return err
}

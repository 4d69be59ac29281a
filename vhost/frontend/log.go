package frontend

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
)

// A DirtyLog is memory in which the back end notes the pages it writes to, as it does for a guest that is being migrated
// ("Migration").
//
// Thread-safety: one goroutine at a time.
type DirtyLog struct{ bits []byte }

// StartLog has the back end log what it writes, rings included. It lasts until StopLog or the end of the session. Close
// the log when done with it.
func (p *Port) StartLog() (*DirtyLog, error) {
	size := roundUp(int(p.memory.end()/page+7) / 8)
	fd, err := unix.MemfdCreate("culvert-log", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("dirty log: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, fmt.Errorf("dirty log: %w", err)
	}
	l := new(DirtyLog)
	if l.bits, err = unix.Mmap(fd, 0, size, unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("dirty log: %w", err)
	}
	if err := p.do(func(s *session) error { return s.startLog(fd, size) }); err != nil {
		return nil, fmt.Errorf("dirty log: %w", errors.Join(err, l.Close()))
	}
	return l, nil
}

func (s *session) startLog(fd, size int) error {
	if !s.protocol.Has(proto.PLogShmFD) {
		return fmt.Errorf("the back end has no %s", proto.PLogShmFD)
	}
	if err := s.conn.Tell(proto.SetLogBase, proto.Log{Size: uint64(size)}, fd); err != nil {
		return err
	}
	return s.logWrites(true)
}

// StopLog has the back end log no more.
func (p *Port) StopLog() error { return p.do(func(s *session) error { return s.logWrites(false) }) }

// logWrites switches logging on or off: of buffers by a feature, of the rings by a flag of theirs.
func (s *session) logWrites(on bool) error {
	f := s.features
	if on {
		f |= proto.LogAll
	}
	if err := s.conn.Tell(proto.SetFeatures, proto.U64(f)); err != nil {
		return err
	}
	for _, q := range s.rings() {
		if err := s.conn.Tell(proto.SetVringAddr, s.address(q, on)); err != nil {
			return err
		}
	}
	return nil
}

// Has reports whether the page with the guest-physical address a was written to since the log was started.
func (l *DirtyLog) Has(a uint64) bool {
	n := a / page
	return n/8 < uint64(len(l.bits)) && l.bits[n/8]&(1<<(n%8)) != 0
}

// Pages returns the guest-physical addresses of all pages written to since the log was started.
func (l *DirtyLog) Pages() []uint64 {
	var pages []uint64
	for i := range uint64(len(l.bits)) * 8 {
		if l.Has(i * page) {
			pages = append(pages, i*page)
		}
	}
	return pages
}

// Close gives the memory back.
func (l *DirtyLog) Close() error { return unix.Munmap(l.bits) }

// Address returns the guest-physical address of f's data.
func (p *Port) Address(f frame.Frame) uint64 { return at(f.Off()) }

package vhost

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// An inflight is the memory in which the buffers taken from rings are noted ("Inflight I/O tracking"): one
// region for each ring, of equal size. The frontend keeps it while this process restarts. The zero value is none.
type inflight struct {
	whole []byte
	each  int // bytes of a ring's region
}

// setInflight takes such memory back that was made before (VHOST_USER_SET_INFLIGHT_FD), or makes it.
func (d *device) setInflight(m *proto.Message, v proto.Inflight) error {
	if n := len(d.vrings); v.Queues == 0 || int(v.Queues) > n {
		return fmt.Errorf("inflight memory for %d rings: want 1 to %d", v.Queues, n)
	}
	if v.QueueSize == 0 || v.QueueSize > virtq.MaxSize {
		return fmt.Errorf("inflight memory for rings of %d entries: want 1 to %d", v.QueueSize, virtq.MaxSize)
	}
	f := inflight{each: virtq.InflightBytes(d.features.Has(proto.RingPacked), int(v.QueueSize))}
	size := f.each * int(v.Queues)
	if m.Request == proto.GetInflightFD {
		return d.makeInflight(m, v, size)
	}
	const most = 1 << 40 // bytes: no sum of two such numbers wraps around
	if v.Size < uint64(size) || v.Size > most || v.Offset > most || v.Offset%uint64(unix.Getpagesize()) != 0 {
		return fmt.Errorf("inflight memory of %#x bytes at %#x: want %#x or more, at a page", v.Size, v.Offset, size)
	}
	fd := m.Take(0)
	defer closeFD(&fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("inflight memory: fstat: %w", err)
	}
	if st.Size < 0 || uint64(st.Size) < v.Offset+uint64(size) {
		return fmt.Errorf("inflight memory: its file has %#x bytes, want %#x", st.Size, v.Offset+uint64(size))
	}
	var err error
	if f.whole, err = unix.Mmap(fd, int64(v.Offset), size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("inflight memory: mmap: %w", err)
	}
	if err := d.holdAll(); err != nil {
		return err
	}
	old := d.flight
	d.flight = f
	return old.close()
}

// makeInflight answers with new memory. The frontend sends it back before it sets up the rings.
func (d *device) makeInflight(m *proto.Message, v proto.Inflight, size int) error {
	fd, err := unix.MemfdCreate("culvert-inflight", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("inflight memory: memfd_create: %w", err)
	}
	defer closeFD(&fd)
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return fmt.Errorf("inflight memory: ftruncate: %w", err)
	}
	v.Size, v.Offset = uint64(size), 0
	return d.conn.Reply(m, v, fd)
}

// of returns the region of a ring with so many entries; nil when there is none.
func (f *inflight) of(index int) []byte {
	if f.whole == nil || (index+1)*f.each > len(f.whole) {
		return nil
	}
	return f.whole[index*f.each : (index+1)*f.each : (index+1)*f.each]
}

func (f *inflight) close() error {
	whole := f.whole
	*f = inflight{}
	if whole == nil {
		return nil
	}
	return unix.Munmap(whole)
}

package vhost

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq"
)

// An inflight is the memory in which the buffers taken from rings are noted ("Inflight I/O tracking"): one
// region for each ring, of equal size. The frontend keeps it while this process restarts. The zero value is none.
type inflight struct {
	memory *mem.Mapping // nil: none
	each   int          // bytes of a ring's region
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
	if v.Size < uint64(size) {
		return fmt.Errorf("inflight memory of %#x bytes: want %#x or more", v.Size, size)
	}
	var err error
	// No more of it is mapped than the rings need, whatever the frontend says.
	if f.memory, err = d.mapped(m.Take(0), mem.Region{Size: uint64(size), Offset: v.Offset}); err != nil {
		return fmt.Errorf("inflight memory: %w", err)
	}
	if err := d.holdAll(); err != nil {
		return errors.Join(err, f.close())
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

// of returns the region of a ring; nil when there is none.
func (f *inflight) of(index int) []byte {
	if f.memory == nil {
		return nil
	}
	whole := f.memory.Bytes()
	if (index+1)*f.each > len(whole) {
		return nil
	}
	return whole[index*f.each : (index+1)*f.each : (index+1)*f.each]
}

func (f *inflight) close() error {
	memory := f.memory
	*f = inflight{}
	if memory == nil {
		return nil
	}
	return memory.Close()
}

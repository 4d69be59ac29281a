package flood

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// Where things are in a guest's memory, which is one file:
//
//	ring 0 | ring 1 | buffers of ring 0 | buffers of ring 1
//
// Buffers are an odd number of lines apart, so that their packets are spread over the sets of a cache, and a packet begins with a line, as
// in DPDK's buffers.
const (
	ringBytes = 64 << 10 // of memory for a ring of either layout
	stride    = 37 * 64  // bytes from one buffer to the next
	packetAt  = 128      // of a packet in its buffer; the header is just before
	room      = stride - packetAt
	used      = rings*ringBytes + rings*RingSize*stride

	guestAt = 1 << 30 // guest-physical
	userAt  = 1 << 44 // what the guest itself calls it, as far as the switch is told
)

// memory is what a guest shares with its switch.
type memory struct {
	fd  int
	mem []byte
}

func newMemory() (*memory, error) {
	fd, err := unix.MemfdCreate("culvert-flood", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memory of a guest: %w", err)
	}
	m := &memory{fd: fd}
	if err := m.mapped(); err != nil {
		return nil, fmt.Errorf("memory of a guest: %w", errors.Join(err, unix.Close(fd)))
	}
	return m, nil
}

func (m *memory) mapped() (err error) {
	if err := unix.Ftruncate(m.fd, size); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(m.fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return err
	}
	if m.mem, err = unix.Mmap(m.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return err
	}
	_ = unix.Madvise(m.mem, unix.MADV_HUGEPAGE) // where the host has them for shared memory
	return unix.Madvise(m.mem, unix.MADV_POPULATE_WRITE)
}

// size of the memory, in whole hugepages.
const size = (used + hugePage - 1) &^ (hugePage - 1)

const hugePage = 2 << 20 // bytes

func (m *memory) region() proto.MemTable {
	return proto.MemTable{{Guest: guestAt, User: userAt, Size: size}}
}

// ring returns the memory of a ring.
func (m *memory) ring(i int) []byte { return m.mem[i*ringBytes:][:ringBytes] }

// buffer returns where the buffer of a ring's entry is.
func buffer(ring, entry int) int { return rings*ringBytes + (ring*RingSize+entry)*stride }

// packet returns the bytes of a ring's entry from where its packet begins.
func (m *memory) packet(ring, entry int) []byte {
	at := buffer(ring, entry)
	return m.mem[at+packetAt : at+stride : at+stride]
}

// buffers are those of a ring as its device knows them, with room for the longest packet.
func buffers(ring int) []driver.Buffer {
	list := make([]driver.Buffer, RingSize)
	for i := range list {
		list[i] = driver.Buffer{Addr: guestAt + uint64(buffer(ring, i)+packetAt-header), Len: room + header}
	}
	return list
}

func (m *memory) close() error { return errors.Join(unix.Munmap(m.mem), unix.Close(m.fd)) }

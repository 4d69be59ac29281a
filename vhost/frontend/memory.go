package frontend

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
)

// Where the guest's memory is, for the back end:
//
//	arenaAt              the pool's arena       then, on the next page, the rings
//	| buffer 0 | buffer 1 | …                  | ring 0 | ring 1 | …
//
// Guest-physical and user addresses differ, so that a back end that takes one for the other is found out.
const (
	arenaAt = 1 << 30 // guest-physical
	userAt  = 1 << 44 // user address of guest-physical 0
	page    = 1 << 12 // bytes
)

// memory is what the guest shares.
type memory struct {
	pool    *frame.Pool
	ringsFD int
	rings   []byte // of all queues
	ringsAt uint64 // guest-physical address
}

// newMemory returns memory of a pool, with size bytes for rings.
func newMemory(pool *frame.Pool, size int) (*memory, error) {
	size = roundUp(size)
	fd, err := unix.MemfdCreate("culvert-rings", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memory for rings: %w", err)
	}
	m := &memory{pool: pool, ringsFD: fd, ringsAt: arenaAt + uint64(roundUp(len(pool.Memory())))}
	if err := m.mapRings(size); err != nil {
		return nil, fmt.Errorf("memory for rings: %w", errors.Join(err, unix.Close(fd)))
	}
	return m, nil
}

func (m *memory) mapRings(size int) (err error) {
	if err := unix.Ftruncate(m.ringsFD, int64(size)); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(m.ringsFD), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return err
	}
	m.rings, err = unix.Mmap(m.ringsFD, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	return err
}

func roundUp(n int) int { return (n + page - 1) &^ (page - 1) }

// regions returns the memory as the back end is told, and the descriptors that belong to it.
func (m *memory) regions() (proto.MemTable, []int) {
	return proto.MemTable{
		{Guest: arenaAt, User: userAt + arenaAt, Size: uint64(roundUp(len(m.pool.Memory())))},
		{Guest: m.ringsAt, User: userAt + m.ringsAt, Size: uint64(len(m.rings))},
	}, []int{m.pool.FD(), m.ringsFD}
}

// end returns the guest-physical address behind the last byte.
func (m *memory) end() uint64 { return m.ringsAt + uint64(len(m.rings)) }

// at returns the guest-physical address of offset off of the arena.
func at(off uint32) uint64 { return arenaAt + uint64(off) }

func (m *memory) close() error {
	return errors.Join(unix.Munmap(m.rings), unix.Close(m.ringsFD))
}

package xsk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

// umemHeadroom is what the kernel adds to XDP's own headroom, so that a packet starts behind the
// arena's standard headroom.
const umemHeadroom = frame.Headroom - unix.XDP_PACKET_HEADROOM // bytes

// txBudget is how many packets one sendto may send when the kernel copies (XDP_MAX_TX_SKB_BUDGET);
// without it, 32.
const txBudget = 512 // packets, 0.5 ms of the kernel's time on veth

// A socket is an AF_XDP socket with its UMEM and its four rings. The UMEM is the socket's own, over
// the memory of the whole arena.
type socket struct {
	fd      int
	flags   uint16   // bound with
	maps    [][]byte // the rings' mappings
	offsets unix.XDPMmapOffsets
}

// newSocket opens a socket in the thread's network namespace, registers the arena and maps rings of
// size slots each.
func newSocket(pool *frame.Pool, size uint32) (*socket, error) {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open AF_XDP socket: %w", explain(err))
	}
	s := &socket{fd: fd}
	if err := s.setup(pool, size); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *socket) setup(pool *frame.Pool, size uint32) (err error) {
	if err := registerUMEM(s.fd, pool.Memory(), pool.BufferSize(), umemHeadroom); err != nil {
		return fmt.Errorf("register %d bytes as UMEM: %w", len(pool.Memory()), explain(err))
	}
	for _, opt := range []int{unix.XDP_UMEM_FILL_RING, unix.XDP_UMEM_COMPLETION_RING, unix.XDP_RX_RING, unix.XDP_TX_RING} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_XDP, opt, int(size)); err != nil {
			return fmt.Errorf("set up ring of %d slots: %w", size, err)
		}
	}
	if s.offsets, err = mmapOffsets(s.fd); err != nil {
		return fmt.Errorf("query ring layout: %w", err)
	}
	return s.mapRings(size)
}

// The rings in the order of socket.maps.
const (
	fillRing = iota
	completionRing
	rxRing
	txRing
)

// mapRings maps each ring: the words at the offsets the kernel told, then the slots.
//
//	+--------------------------------------+------------------------------+
//	| producer, consumer, flags            | slots                        |
//	+--------------------------------------+------------------------------+
//	0                                      Desc       Desc + slots * size
func (s *socket) mapRings(slots uint32) error {
	const addrSize, descSize = 8, 16 // bytes: a UMEM address, struct xdp_desc
	for _, r := range []struct {
		page uint64 // what to map, linux include/uapi/linux/if_xdp.h
		at   unix.XDPRingOffset
		size uint64
	}{
		fillRing:       {unix.XDP_UMEM_PGOFF_FILL_RING, s.offsets.Fr, addrSize},
		completionRing: {unix.XDP_UMEM_PGOFF_COMPLETION_RING, s.offsets.Cr, addrSize},
		rxRing:         {unix.XDP_PGOFF_RX_RING, s.offsets.Rx, descSize},
		txRing:         {unix.XDP_PGOFF_TX_RING, s.offsets.Tx, descSize},
	} {
		m, err := unix.Mmap(s.fd, int64(r.page), int(r.at.Desc+uint64(slots)*r.size),
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
		if err != nil {
			return fmt.Errorf("map ring: %w", err)
		}
		s.maps = append(s.maps, m)
	}
	return nil
}

// bind ties the socket to a queue in the first way of ways that the kernel takes. It returns, beside
// the index of that way, why it refused the ones before.
func (s *socket) bind(ctx context.Context, ifindex, queue int, ways []uint16) (way int, refused []error, err error) {
	for i, flags := range ways {
		addr := &unix.SockaddrXDP{Flags: flags, Ifindex: uint32(ifindex), QueueID: uint32(queue)}
		err := s.bindRetry(ctx, addr)
		if err == nil {
			s.flags = flags
			return i, refused, nil
		}
		if errors.Is(err, unix.EBUSY) {
			return 0, nil, fmt.Errorf("bind queue %d: another AF_XDP socket has it: %w", queue, err)
		}
		refused = append(refused, err)
	}
	return 0, nil, fmt.Errorf("bind queue %d: %w", queue, explain(refused[len(refused)-1]))
}

// bindRetry waits while the queue is busy: the kernel gives a queue back some time after its socket
// was closed (linux net/xdp/xsk_buff_pool.c, xp_put_pool: in a work queue).
func (s *socket) bindRetry(ctx context.Context, addr *unix.SockaddrXDP) error {
	const patience = 2 * time.Second
	for start, wait := time.Now(), time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := unix.Bind(s.fd, addr)
		if err != unix.EBUSY || time.Since(start) > patience {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// busyPoll lets calls on the socket run the device's receive processing, for a batch of packets and up
// to limit, and asks interrupts to stay away meanwhile.
func (s *socket) busyPoll(limit time.Duration) error {
	for _, o := range []struct{ opt, value int }{
		{unix.SO_PREFER_BUSY_POLL, 1}, // since Linux 5.11
		{unix.SO_BUSY_POLL, max(1, int(limit.Microseconds()))},
		{unix.SO_BUSY_POLL_BUDGET, frame.MaxBatch},
	} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, o.opt, o.value); err != nil {
			return fmt.Errorf("set busy-poll: %w", err)
		}
	}
	return nil
}

// setTxBudget raises the number of packets that one wakeTx sends. Kernels without it send 32.
func (s *socket) setTxBudget(slots uint32) error {
	return unix.SetsockoptInt(s.fd, unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, int(min(slots, txBudget)))
}

// wakeRx implements waker.
func (s *socket) wakeRx() unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(s.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}

// wakeTx implements waker. Not a raw system call: it may run the receive processing of several
// devices for milliseconds, and the collector must not wait for that.
func (s *socket) wakeTx() unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(s.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}

// close unmaps the rings and closes the socket. In this order: a mapping keeps the socket alive.
func (s *socket) close() error {
	if s.fd < 0 {
		return nil
	}
	var errs []error
	for _, m := range s.maps {
		errs = append(errs, unix.Munmap(m))
	}
	errs = append(errs, unix.Close(s.fd))
	s.fd, s.maps = -1, nil
	return errors.Join(errs...)
}

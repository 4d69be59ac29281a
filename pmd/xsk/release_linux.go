package xsk

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A sentinel tells when the kernel has let go of a queue whose socket was closed. The kernel does that
// in a work queue (linux net/xdp/xsk_buff_pool.c, xp_put_pool); until then a zero-copy device may still write
// into the buffers it was given. A sentinel is a socket that tries to bind to the queue, over memory
// of its own. It is opened with the port, because Close may run in another network namespace.
type sentinel struct {
	fd  int
	mem []byte
}

func newSentinel() (*sentinel, error) {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open AF_XDP socket: %w", explain(err))
	}
	return &sentinel{fd: fd}, nil
}

// await waits until the queue is free, for two seconds at most, and closes the sentinel. What goes
// wrong only means that the next one to open the queue has to wait.
func (s *sentinel) await(ifindex, queue int) {
	const patience = 2 * time.Second
	defer s.close()
	if s.prepare() != nil {
		return
	}
	addr := &unix.SockaddrXDP{Flags: unix.XDP_COPY, Ifindex: uint32(ifindex), QueueID: uint32(queue)}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if unix.Bind(s.fd, addr) != unix.EBUSY {
			return
		}
	}
}

// prepare gives the socket what bind asks for: the smallest memory and rings there are.
func (s *sentinel) prepare() (err error) {
	const chunk = 4096 // bytes
	s.mem, err = unix.Mmap(-1, 0, chunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	if err := registerUMEM(s.fd, s.mem, chunk, 0); err != nil {
		return err
	}
	for _, opt := range []int{unix.XDP_UMEM_FILL_RING, unix.XDP_UMEM_COMPLETION_RING, unix.XDP_TX_RING} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_XDP, opt, 1); err != nil {
			return err
		}
	}
	return nil
}

// close frees what the sentinel has; errors change nothing for anyone.
func (s *sentinel) close() {
	_ = unix.Close(s.fd)
	if s.mem != nil {
		_ = unix.Munmap(s.mem)
	}
}

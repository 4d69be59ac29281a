package xsk

import (
	"time"

	"golang.org/x/sys/unix"
)

// awaitRelease waits until the kernel has let go of a queue whose socket was closed. It does so in a
// work queue (linux net/xdp/xsk_buff_pool.c, xp_put_pool); until then a zero-copy device may still
// write into the buffers it was given. Whether it has is seen by binding a socket of another memory.
func awaitRelease(ifindex, queue int) {
	const patience = 2 * time.Second
	mem, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return
	}
	defer unix.Munmap(mem)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if tryBind(mem, ifindex, queue) != unix.EBUSY {
			return
		}
	}
}

// tryBind binds a socket over mem to a queue, closes it and returns what bind said.
func tryBind(mem []byte, ifindex, queue int) error {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := registerUMEM(fd, mem, len(mem), 0); err != nil {
		return err
	}
	for _, opt := range []int{unix.XDP_UMEM_FILL_RING, unix.XDP_UMEM_COMPLETION_RING, unix.XDP_TX_RING} {
		if err := unix.SetsockoptInt(fd, unix.SOL_XDP, opt, 1); err != nil {
			return err
		}
	}
	return unix.Bind(fd, &unix.SockaddrXDP{Flags: unix.XDP_COPY, Ifindex: uint32(ifindex), QueueID: uint32(queue)})
}

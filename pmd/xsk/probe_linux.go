package xsk

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// explain adds to an error of the kernel what the operator can do about it.
func explain(err error) error {
	var hint string
	switch {
	case errors.Is(err, unix.EAFNOSUPPORT):
		hint = "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		hint = "AF_XDP needs root, or the capabilities CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF"
	case errors.Is(err, unix.ENOBUFS):
		hint = "the limit on locked memory (ulimit -l) is too low for the arena, once per queue; CAP_IPC_LOCK lifts it"
	case errors.Is(err, unix.ENOMEM):
		hint = "the kernel has no memory left for it"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, hint)
}

// Probe reports what the process lacks to use AF_XDP, nil if nothing: the kernel's support for sockets
// and for the program, and the rights to use them. It changes nothing. A particular device may still
// refuse a mode; [Driver.Open] then says so in the port's notes.
func Probe() error {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		err = fmt.Errorf("open AF_XDP socket: %w", explain(err))
	} else {
		err = unix.Close(fd)
	}
	s, err2 := newSteering(blueprint{queues: 1, fallback: drop})
	if err2 == nil {
		err2 = s.Close()
	}
	return errors.Join(err, err2)
}

package tap

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// attach opens n queues of the device called name, which is created if there is none, and returns
// their descriptors and the name the kernel gave it: "tap%d" becomes tap0.
func attach(name string, n int, persist bool) (fds []int, actual string, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, detach(fds))
			fds = nil
		}
	}()
	// No IFF_VNET_HDR: see the package comment. IFF_NO_PI: no four bytes of protocol in front.
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if n > 1 {
		flags |= unix.IFF_MULTI_QUEUE
	}
	for range n {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return fds, "", fmt.Errorf("open /dev/net/tun: %w", err)
		}
		fds = append(fds, fd)
		ifr, err := unix.NewIfreq(name)
		if err != nil {
			return fds, "", fmt.Errorf("device name %q: %w", name, err)
		}
		ifr.SetUint16(flags)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
			return fds, "", fmt.Errorf("attach to device %s queue %d: %w", name, len(fds)-1, explain(err))
		}
		name = ifr.Name() // the others attach to the same
		// A persistent device remembers what its last owner could take.
		if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, 0); err != nil {
			return fds, "", fmt.Errorf("turn offloads of %s off: %w", name, err)
		}
	}
	if persist {
		if err := unix.IoctlSetInt(fds[0], unix.TUNSETPERSIST, 1); err != nil {
			return fds, "", fmt.Errorf("make device %s persistent: %w", name, err)
		}
	}
	return fds, name, nil
}

// explain adds what the kernel means by an error of TUNSETIFF (drivers/net/tun.c, tun_set_iff).
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%w: somebody else has it open", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: the device is no tap, or was made for another number of queues", err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: want CAP_NET_ADMIN, or a persistent device of this user", err)
	}
	return err
}

// detach closes the descriptors; a device that is not persistent goes with the last one.
func detach(fds []int) error {
	var err error
	for _, fd := range fds {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}

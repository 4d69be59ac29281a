package xsk

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ways returns the flags to try to bind with, best first. fits: a packet of the device's MTU lies in
// one buffer, so that zero-copy is worth more than multi-buffer; otherwise less, since without
// multi-buffer the large ones are lost.
func (c config) ways(native, fits bool) []uint16 {
	copies := pick(c.copy, uint16(unix.XDP_ZEROCOPY), unix.XDP_COPY)
	if !native {
		copies = copies[len(copies)-1:] // the generic path is after the driver: it can only copy
	}
	buffers := pick(c.multiBuffer, uint16(unix.XDP_USE_SG), 0)
	wakeups := pick(c.needWakeup, uint16(unix.XDP_USE_NEED_WAKEUP), 0)
	var all []uint16
	add := func(a, b uint16) {
		for _, w := range wakeups {
			all = append(all, a|b|w)
		}
	}
	if fits {
		for _, a := range copies {
			for _, b := range buffers {
				add(a, b)
			}
		}
		return all
	}
	for _, b := range buffers {
		for _, a := range copies {
			add(a, b)
		}
	}
	return all
}

// pick returns what a want leaves of two values.
func pick(w want, a, b uint16) []uint16 {
	switch w {
	case better:
		return []uint16{a}
	case plain:
		return []uint16{b}
	}
	return []uint16{a, b}
}

// why returns the error of the last refused way that had flag, the one that asked for least besides;
// nil if there is none.
func why(flag uint16, ways []uint16, refused []error) (last error) {
	for i, err := range refused {
		if ways[i]&flag != 0 {
			last = err
		}
	}
	return last
}

// refusal says in words why the kernel did not bind with a flag.
func refusal(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, unix.EOPNOTSUPP):
		return "the device's driver does not support it"
	case errors.Is(err, unix.EINVAL):
		return "the kernel does not know it, or not with these settings"
	}
	return fmt.Sprintf("the kernel refused: %v", err)
}

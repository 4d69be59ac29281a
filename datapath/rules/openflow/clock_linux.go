package openflow

import "golang.org/x/sys/unix"

// monotonic returns the time in ns on CLOCK_MONOTONIC.
func monotonic() int64 {
	var ts unix.Timespec
	// It fails for clocks that the kernel does not know only; every Linux has this one.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

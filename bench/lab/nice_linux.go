package lab

import (
	"errors"
	"fmt"
	"os/exec"

	"golang.org/x/sys/unix"
)

// StartNice is Start of a command that has the nice value that is given, from -20 to 19, whatever this process has. One that the process may not give is
// an error, and nothing is started.
//
// The kernel's nice value is of a thread, not of a process as POSIX has it (setpriority(2), "C library/kernel differences"), and a child has that of
// the thread that forks it, as all of the child's own threads have its in turn. So the namespace's thread has it while it forks: set from
// outside afterwards it would be of those threads alone that are not there yet.
func (n *Namespace) StartNice(cmd *exec.Cmd, nice int) error {
	detach(cmd)
	return n.Do(func() error { return withNice(nice, cmd.Start) })
}

// MayNice says why nothing can be started with a nice value here, nil if it can.
func (n *Namespace) MayNice(nice int) error {
	return n.Do(func() error { return withNice(nice, func() error { return nil }) })
}

// withNice runs f while the calling thread, which the goroutine is locked to, has a nice value.
func withNice(nice int, f func() error) error {
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return fmt.Errorf("read the nice value: %w", err)
	}
	before := 20 - raw // the system call's own result is never negative (setpriority(2))
	if before == nice {
		return f()
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, nice); err != nil {
		return fmt.Errorf("take the nice value %d: %w", nice, err)
	}
	err = f()
	if back := unix.Setpriority(unix.PRIO_PROCESS, 0, before); back != nil {
		err = errors.Join(err, fmt.Errorf("take back the nice value %d: %w", before, back))
	}
	return err
}

package doorbell

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Writes returns a number that stays the same while one write does not come back; writing is false between two.
func (b *Bell) Writes() (n uint32, writing bool) {
	n = b.writes.Load()
	return n, n&1 != 0
}

// Free takes a thread out of its write to fd if the kernel keeps it there, and reports whether it did. fd is an eventfd of nobody
// else's from then on.
//
// Making room in the counter would be a race, which a process with many threads that fill it wins. So fd is made to stand for another
// file, and a signal that the Go runtime uses itself has the kernel begin the call anew, with what fd stands for then.
func (b *Bell) Free(fd int) (was bool, err error) {
	thread := b.thread(fd)
	if thread == 0 {
		return false, nil
	}
	other, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return true, fmt.Errorf("eventfd: %w", err)
	}
	defer unix.Close(other)
	if err := unix.Dup3(other, fd, unix.O_CLOEXEC); err != nil {
		return true, fmt.Errorf("dup3: %w", err)
	}
	return true, unix.Tgkill(os.Getpid(), thread, unix.SIGURG)
}

// thread returns the thread of this process that sleeps in the bell's write to fd, 0 for none: one that runs, or waits for a CPU only,
// is in no call (/proc/[pid]/syscall, proc(5)).
func (b *Bell) thread(fd int) int {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0
	}
	want := fmt.Sprintf("%d %#x %#x 0x8 ", unix.SYS_WRITE, fd, address(&b.one))
	for _, task := range tasks {
		call, err := os.ReadFile("/proc/self/task/" + task.Name() + "/syscall")
		if err != nil || !strings.HasPrefix(string(call), want) {
			continue
		}
		if n, err := strconv.Atoi(task.Name()); err == nil {
			return n
		}
	}
	return 0
}

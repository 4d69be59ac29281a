package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// SoftThread returns the process of the kernel's thread that handles the soft interrupts of a CPU when there are too many of them to be handled on
// the way out of something else, ksoftirqd; 0 when it is not to be seen, as in a process namespace of one's own.
func SoftThread(cpu int) (pid int, err error) {
	name := fmt.Sprintf("ksoftirqd/%d\n", cpu)
	paths, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return 0, err
	}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH): // the process has ended
		case err != nil:
			return 0, err
		case string(text) == name:
			return strconv.Atoi(filepath.Base(filepath.Dir(p)))
		}
	}
	return 0, nil
}

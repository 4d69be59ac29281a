package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// borrowedAt is where a process notes how many hugepages it has borrowed, in a file that it keeps locked (flock(2)): whose lock is gone has ended, perhaps by
// kill -9, and has not given them back. /run is empty after a boot, as the kernel's list of hugepages is.
const borrowedAt = "/run"

const borrowedName = "culvert-hugepages-"

// noteBorrowed notes n pages of this process. The file is to be closed and removed when they have been given back.
func noteBorrowed(dir string, n int) (*os.File, error) {
	f, err := os.CreateTemp(dir, borrowedName)
	if err != nil {
		return nil, fmt.Errorf("note what is borrowed: %w", err)
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err == nil { // until then the note says nothing
		_, err = f.WriteString(strconv.Itoa(n))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

// left returns how many pages processes have left that are no more, and forgets these notes.
func left(dir string) (n int, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, borrowedName+"*"))
	if err != nil {
		return 0, err
	}
	for _, p := range paths {
		f, err := os.Open(p)
		if errors.Is(err, os.ErrNotExist) {
			continue // given back meanwhile
		}
		if err != nil {
			return n, err
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			if pages, err := readNumber(p); err == nil { // of one that ended before it wrote there is nothing
				n += max(0, pages)
			}
			err = os.Remove(p)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return n, err
		}
	}
	return n, nil
}

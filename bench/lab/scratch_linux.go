package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Scratch is a directory that belongs to this process for as long as it lives: it is locked with
// flock(2), which the kernel undoes when the process ends, whichever way.
type Scratch struct {
	Path string
	lock *os.File
}

// NewScratch makes a scratch directory below the system's directory for temporary files and removes
// those with the same prefix that dead processes of this user have left there. It returns their paths.
func NewScratch(prefix string) (s *Scratch, removed []string, err error) {
	removed = sweep(os.TempDir(), prefix)
	for {
		path, err := os.MkdirTemp("", prefix)
		if err != nil {
			return nil, removed, err
		}
		lock, err := lockDir(path)
		if err != nil {
			return nil, removed, errors.Join(fmt.Errorf("lock %s: %w", path, err), os.RemoveAll(path))
		}
		if lock != nil {
			return &Scratch{Path: path, lock: lock}, removed, nil
		}
		// Another process that was sweeping took it for a dead one's between the two steps.
	}
}

// Close removes the directory.
func (s *Scratch) Close() error {
	return errors.Join(os.RemoveAll(s.Path), s.lock.Close())
}

// sweep removes the directories of this user with the prefix that no living process has locked.
func sweep(dir, prefix string) (removed []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		if int(info.Sys().(*syscall.Stat_t).Uid) != os.Getuid() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		lock, err := lockDir(path)
		if err != nil || lock == nil {
			continue
		}
		if os.RemoveAll(path) == nil {
			removed = append(removed, path)
		}
		lock.Close()
	}
	return removed
}

// lockDir locks a directory. It returns nil when a living process has it, or when it is not there any
// more.
func lockDir(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, nil
		}
		return nil, err
	}
	// The name may have gone between open and flock.
	if !sameFile(f, path) {
		f.Close()
		return nil, nil
	}
	return f, nil
}

func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(path)
	return err == nil && os.SameFile(a, b)
}

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Hold keeps the kernel from taking a network namespace apart, so that the number of its inode is no other's until Left lets go.
type Hold struct {
	file  *os.File
	inode uint64
}

// Held holds the namespace that path is, such as /proc/123/ns/net.
func Held(path string) (Hold, error) {
	f, err := os.Open(path)
	if err != nil {
		return Hold{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return Hold{}, errors.Join(err, f.Close())
	}
	return Hold{f, info.Sys().(*syscall.Stat_t).Ino}, nil
}

// Inode returns the number by which /proc/PID/ns/net names the namespace.
func (h Hold) Inode() uint64 { return h.inode }

// Hold holds the namespace beyond its Close.
func (n *Namespace) Hold() (Hold, error) { return Held(fmt.Sprintf("/proc/self/fd/%d", n.file.Fd())) }

// HoldAll holds all of some namespaces, or none if that fails.
func HoldAll(list []*Namespace) (held []Hold, err error) {
	for _, n := range list {
		h, err := n.Hold()
		if err != nil {
			return nil, errors.Join(err, letGo(held))
		}
		held = append(held, h)
	}
	return held, nil
}

func letGo(held []Hold) error {
	var errs []error
	for _, h := range held {
		errs = append(errs, h.file.Close())
	}
	return errors.Join(errs...)
}

// Left waits for up to two seconds until no thread of any process is in one of the namespaces, returns what then still is
// ("process 123 (name) in namespace 4026531840"), and lets go of them.
func Left(held []Hold) []string {
	defer func() { _ = letGo(held) }() // nothing was written
	var inodes []uint64
	for _, h := range held {
		inodes = append(inodes, h.inode)
	}
	var left []string
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if left = inside(inodes); len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

// inside returns the threads that are in one of the namespaces.
func inside(inodes []uint64) (found []string) {
	tasks, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*/ns/net")
	for _, t := range tasks {
		name, err := os.Readlink(t)
		if err != nil {
			continue // it has ended
		}
		inode, err := strconv.ParseUint(strings.Trim(strings.TrimPrefix(name, "net:"), "[]"), 10, 64)
		if err != nil || !slices.Contains(inodes, inode) {
			continue
		}
		pid := strings.Split(t, "/")[2]
		comm, _ := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		found = append(found, fmt.Sprintf("process %s (%s) in namespace %d", pid, strings.TrimSpace(string(comm)), inode))
	}
	return slices.Compact(found)
}

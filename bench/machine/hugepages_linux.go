package machine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Where the kernel has the hugepages of 2 MiB (hugetlbpage.rst).
const (
	hugeWanted = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
	hugeFree   = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
)

// HugepageSize is the size in bytes of the hugepages that Hugepages borrows.
const HugepageSize = 2 << 20

// Hugepages are pages added to those of the kernel. Give returns them.
type Hugepages struct {
	added int
	note  *os.File // see noteBorrowed; nil where there is none
}

// BorrowHugepages makes the kernel have so many bytes of free hugepages, for programs such as testpmd. It is
// an error when it finds no room, and nothing is borrowed then. What others have borrowed who were killed before they gave it back goes back first.
func BorrowHugepages(bytes int) (*Hugepages, error) {
	lost, err := left(borrowedAt)
	if err != nil {
		return nil, err
	}
	if _, _, err := change(-lost); err != nil {
		return nil, err
	}
	free, err := readNumber(hugeFree)
	if err != nil {
		return nil, err
	}
	h := &Hugepages{added: max(0, (bytes+HugepageSize-1)/HugepageSize-free)}
	if room, err := available(); err != nil || h.added > room/2/HugepageSize {
		return nil, errors.Join(fmt.Errorf("borrow %d hugepages: %d MiB of memory are available, and half of it stays", h.added, room>>20), err)
	}
	if h.note, err = noteBorrowed(borrowedAt, h.added); err != nil {
		return nil, err
	}
	before, after, err := change(h.added)
	if err == nil && after < before+h.added {
		err = fmt.Errorf("borrow hugepages: want %d more, got %d", h.added, after-before)
		h.added = after - before
	}
	if err != nil {
		return nil, errors.Join(err, h.Give())
	}
	return h, nil
}

// Give returns what was borrowed. Who uses them must have ended: pages still in use go when they are let go of.
func (h *Hugepages) Give() error {
	_, _, err := change(-h.added)
	if h.note != nil {
		err = errors.Join(err, os.Remove(h.note.Name()), h.note.Close())
		h.note = nil
	}
	return err
}

// change asks the kernel for n hugepages more or fewer, and returns how many there were and are. Others may
// borrow some meanwhile.
func change(n int) (before, after int, err error) {
	if before, err = readNumber(hugeWanted); err != nil || n == 0 {
		return before, before, err
	}
	if err = os.WriteFile(hugeWanted, []byte(strconv.Itoa(max(0, before+n))), 0); err != nil {
		return before, before, err
	}
	after, err = readNumber(hugeWanted)
	return before, after, err
}

func readNumber(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// available returns the bytes of memory that programs can have, proc_meminfo(5).
func available() (int, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "MemAvailable:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(kib)
	return n << 10, err
}

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
type Hugepages struct{ before int }

// BorrowHugepages makes the kernel have so many bytes of free hugepages, for programs such as testpmd. It is
// an error when it finds no room, and nothing is borrowed then.
func BorrowHugepages(bytes int) (*Hugepages, error) {
	wanted, err := readNumber(hugeWanted)
	if err != nil {
		return nil, err
	}
	free, err := readNumber(hugeFree)
	if err != nil {
		return nil, err
	}
	h := &Hugepages{before: wanted}
	lack := (bytes+HugepageSize-1)/HugepageSize - free
	if lack <= 0 {
		return h, nil
	}
	if err := writeNumber(hugeWanted, wanted+lack); err != nil {
		return nil, err
	}
	got, err := readNumber(hugeWanted)
	if err == nil && got < wanted+lack {
		err = fmt.Errorf("borrow hugepages: want %d more, got %d", lack, got-wanted)
	}
	if err != nil {
		return nil, errors.Join(err, h.Give())
	}
	return h, nil
}

// Give returns what was borrowed. Who uses them must have ended: pages still in use go when they are let go of.
func (h *Hugepages) Give() error { return writeNumber(hugeWanted, h.before) }

func readNumber(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func writeNumber(path string, n int) error {
	return os.WriteFile(path, []byte(strconv.Itoa(n)), 0)
}

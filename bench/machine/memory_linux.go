package machine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Memory returns the bytes of memory that a process has and no other, hugepages included (linux Documentation/filesystems/proc.rst, smaps_rollup): what
// it would give back if it ended. Memory of guests, which a switch shares, is not in it.
func Memory(pid int) (bytes int64, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return sumPrivate(f)
}

// sumPrivate adds up the lines of smaps_rollup about pages that are mapped once.
func sumPrivate(in io.Reader) (bytes int64, err error) {
	found := false
	for s := bufio.NewScanner(in); ; {
		if !s.Scan() {
			if err := s.Err(); err != nil {
				return 0, err
			}
			break
		}
		name, rest, _ := strings.Cut(s.Text(), ":")
		switch name {
		case "Private_Clean", "Private_Dirty", "Private_Hugetlb":
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			if err != nil || kb < 0 {
				return 0, fmt.Errorf("%q: want a number of kB", s.Text())
			}
			bytes, found = bytes+kb<<10, true
		}
	}
	if !found {
		return 0, errors.New("want lines about private memory, found none")
	}
	return bytes, nil
}

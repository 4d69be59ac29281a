package machine

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/culvertdev/culvert/pmd/cpu"
)

// Pair says why two CPUs cannot be told to be near each other or far, nil if they can: [Apart] has a thread spin on each.
func Pair(a, b int) error {
	if a == b {
		return fmt.Errorf("CPU %d on both sides: want two", a)
	}
	online, err := cpuList("/sys/devices/system/cpu/online")
	if err != nil {
		return err
	}
	for _, c := range []int{a, b} {
		if !online.Has(c) {
			return fmt.Errorf("CPU %d is not there, or offline: want one of %s", c, online)
		}
	}
	return nil
}

// Siblings reports whether two CPUs are threads of one core, so that each is slower while the other is at work.
func Siblings(a, b int) (bool, error) {
	of, err := cpuList(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", a))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // the kernel does not say
	}
	return of.Has(b), err
}

// cpuList reads a file with a list of CPUs such as 0-3,8.
func cpuList(path string) (cpu.Set, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return cpu.Set{}, err
	}
	s, err := cpu.ParseSet(strings.TrimSpace(string(text)))
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

package lab

import (
	"fmt"

	"github.com/culvertdev/culvert/pmd/cpu"
	"golang.org/x/sys/unix"
)

// Allow lets the namespace's thread, and with it every process that is started in the namespace from now
// on, run on the given CPUs, whatever this process's own are.
func (n *Namespace) Allow(cpus cpu.Set) error {
	var set unix.CPUSet
	for c := range cpus.All() {
		set.Set(c)
	}
	return n.Do(func() error {
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("allow %s the CPUs %s: %w", n.name, cpus, err)
		}
		return nil
	})
}

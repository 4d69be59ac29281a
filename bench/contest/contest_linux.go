// Package contest is what programs have in common that measure switches in turn: where the two sides run,
// whose turn it is, and how such a program ends.
package contest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// The CPUs of the two sides.
const (
	HostCPU   = 0
	SwitchCPU = 1
)

// CPUs returns both.
func CPUs() cpu.Set { return cpu.SetOf(HostCPU, SwitchCPU) }

// ErrCannot means that this machine lacks something.
var ErrCannot = errors.New("this machine cannot compare them")

// exitCannot is the status of a program that ends with ErrCannot.
const exitCannot = 3

// Main runs a program of this name until it ends or is told to, and exits with 1, or 3 for ErrCannot, when it
// returns an error.
func Main(name string, run func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx)
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	if errors.Is(err, ErrCannot) {
		os.Exit(exitCannot)
	}
	os.Exit(1)
}

// Possible says why two switches cannot be compared in namespaces here, with ErrCannot; nil if they can.
func Possible() error {
	if lacks := lab.Missing(); len(lacks) > 0 {
		return fmt.Errorf("%w: missing %v", ErrCannot, lacks)
	}
	all, err := cpu.Affinity()
	if err != nil {
		return err
	}
	if !all.Has(HostCPU) || !all.Has(SwitchCPU) {
		return fmt.Errorf("%w: want CPUs %d and %d, found %s (others are offline, isolated, or kept from this process: taskset -c %[2]d,%[3]d gives it what there is)", ErrCannot, HostCPU, SwitchCPU, all)
	}
	return nil
}

// Placement says what there is to say of where the two sides run, beside their CPUs' numbers; nothing of two cores.
func Placement() string {
	if both, err := machine.Siblings(HostCPU, SwitchCPU); err != nil || !both {
		return ""
	}
	return fmt.Sprintf("CPUs %d and %d are threads of one core: each is slower while the other is at work, which all switches have alike, and figures are less than a core's", HostCPU, SwitchCPU)
}

// Turns returns the order of a round: A B B A for two; one has no turns to take.
func Turns[T any](list []T) []T {
	if len(list) == 1 {
		return list
	}
	back := slices.Clone(list)
	slices.Reverse(back)
	return slices.Concat(list, back)
}

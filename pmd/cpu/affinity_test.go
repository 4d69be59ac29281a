package cpu

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPinBindsTheThread(t *testing.T) {
	top, err := Discover()
	if err != nil {
		t.Fatal(err)
	}
	cpus := slices.Collect(top.Allowed.All())
	want := cpus[len(cpus)-1]
	done := make(chan Set)
	go func() {
		runtime.LockOSThread() // ends with the goroutine: the thread is not used again
		defer close(done)
		if err := Pin(want); err != nil {
			t.Error(err)
			return
		}
		got, err := Affinity()
		if err != nil {
			t.Error(err)
		}
		done <- got
	}()
	if got := <-done; got != SetOf(want) {
		t.Errorf("pinned to CPU %d: the thread may run on %v", want, got)
	}
}

func TestPinRefusesCPUsThatAreNotThere(t *testing.T) {
	for _, c := range []int{-1, MaxCPUs, MaxCPUs - 1} {
		if err := Pin(c); err == nil || !strings.Contains(err.Error(), "pin to CPU") {
			t.Errorf("CPU %d: got %v, want an error", c, err)
		}
	}
}

func TestConfineBindsEveryThread(t *testing.T) {
	before, err := Affinity()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Confine(before); err != nil {
			t.Error(err)
		}
	})
	first := slices.Collect(before.All())[0]
	if err := Confine(SetOf(first)); err != nil {
		t.Fatal(err)
	}
	tids, err := threads()
	if err != nil {
		t.Fatal(err)
	}
	for _, tid := range tids {
		var u unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &u); err == nil && (u.Count() != 1 || !u.IsSet(first)) {
			t.Errorf("thread %d may run on %d CPUs, want CPU %d only", tid, u.Count(), first)
		}
	}
	if err := Confine(Set{}); err == nil {
		t.Error("the process was confined to no CPU")
	}
	if err := Confine(SetOf(MaxCPUs - 1)); err == nil {
		t.Error("the process was confined to a CPU that is not there")
	}
}

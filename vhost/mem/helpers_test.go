package mem

import (
	"testing"

	"golang.org/x/sys/unix"
)

const page = 4096

// heap returns a mapping of ordinary memory whose bytes say where they are: see mark.
func heap(t testing.TB, r Region) *Mapping {
	t.Helper()
	m, err := Heap(r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.Bytes() {
		m.Bytes()[i] = mark(r.Guest + uint64(i))
	}
	return m
}

// mark is what the tests have in memory at a guest-physical address.
func mark(addr uint64) byte { return byte(addr ^ addr>>8 ^ addr>>16 ^ addr>>32) }

// table returns a snapshot of ordinary memory.
func table(t testing.TB, regions ...Region) *Table {
	t.Helper()
	var maps []*Mapping
	for _, r := range regions {
		maps = append(maps, heap(t, r))
	}
	tab, err := NewTable(maps...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tab.Close(); err != nil {
			t.Error(err)
		}
	})
	return tab
}

// memfd returns a file of memory with size bytes, closed with the test.
func memfd(t testing.TB, size int64) int {
	t.Helper()
	fd, err := unix.MemfdCreate("mem-test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Ftruncate(fd, size); err != nil {
		t.Fatal(err)
	}
	return fd
}

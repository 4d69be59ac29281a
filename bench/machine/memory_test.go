package machine

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMemoryThatAProcessHasForItselfIsCounted(t *testing.T) {
	const size = 64 << 20
	before, err := Memory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANONYMOUS|unix.MAP_PRIVATE|unix.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	after, err := Memory(os.Getpid())
	if err := unix.Munmap(b); err != nil {
		t.Fatal(err)
	}
	if grown := after - before; err != nil || grown < size*9/10 || grown > size*2 {
		t.Errorf("it has grown by %d bytes, %v; want some %d", grown, err, size)
	}
	if _, err := Memory(1 << 30); err == nil {
		t.Error("a process that is not there has memory")
	}
}

func TestOnlyPrivateMemoryIsAProcessesOwn(t *testing.T) {
	const text = `00400000-7fff6000 ---p 00000000 00:00 0    [rollup]
Rss:               20000 kB
Shared_Clean:       7000 kB
Shared_Dirty:       5000 kB
Private_Clean:         1 kB
Private_Dirty:         2 kB
Shared_Hugetlb:   655360 kB
Private_Hugetlb:    2048 kB
`
	if got, err := sumPrivate(strings.NewReader(text)); err != nil || got != 2051<<10 {
		t.Errorf("got %d, %v; want 2051 kB", got, err)
	}
	for _, wrong := range []string{"", "Rss: 1 kB\n", "Private_Dirty: many kB\n", "Private_Dirty: -1 kB\n"} {
		if got, err := sumPrivate(strings.NewReader(wrong)); err == nil {
			t.Errorf("%q: got %d, want an error", wrong, got)
		}
	}
}

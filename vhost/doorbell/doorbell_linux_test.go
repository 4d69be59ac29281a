package doorbell

import (
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// full is a counter that has room for nothing more (eventfd(2)).
const full = 1<<64 - 2

// eventfd returns a descriptor that blocks, and fills its counter up to n.
func eventfd(t testing.TB, n uint64) int {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if n > 0 {
		if _, err := unix.Write(fd, binary.NativeEndian.AppendUint64(nil, n)); err != nil {
			t.Fatal(err)
		}
	}
	return fd
}

// value takes what is in the counter.
func value(t testing.TB, fd int) uint64 {
	t.Helper()
	var word [8]byte
	if _, err := unix.Read(fd, word[:]); err != nil {
		t.Fatal(err)
	}
	return binary.NativeEndian.Uint64(word[:])
}

// open returns a bell that never waits.
func open(t testing.TB) *Bell {
	t.Helper()
	b := new(Bell)
	if err := b.Open(); err != nil {
		if errors.Is(err, unix.ENOSYS) {
			t.Skip(err) // a kernel without
		}
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestEachRingIsCounted(t *testing.T) {
	for name, b := range map[string]*Bell{"signalled": open(t), "written": new(Bell)} {
		fd := eventfd(t, 0)
		for n := 1; n < 5*inFlight; n += 7 {
			for range n {
				b.Ring(fd)
			}
			if got := value(t, fd); got != uint64(n) {
				t.Fatalf("%s: %d rings count %d", name, n, got)
			}
		}
	}
}

func TestNobodyMakesARingWait(t *testing.T) {
	b := open(t)
	fd := eventfd(t, full)
	rung := make(chan struct{})
	go func() {
		defer close(rung)
		for range 3 * inFlight {
			b.Ring(fd)
		}
	}()
	select {
	case <-rung:
	case <-time.After(10 * time.Second):
		value(t, fd)
		t.Fatal("an eventfd that blocks and is full holds who rings it")
	}
	if n, _ := b.Writes(); n != 0 {
		t.Errorf("it was written to %d times", n)
	}
}

// The other side has threads that fill the counter as soon as there is room: each room made is theirs.
func TestAThreadIsFreedFromAWriteWhateverTheOtherSideDoes(t *testing.T) {
	var b Bell
	fd := eventfd(t, full)
	theirs, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(theirs)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() { unix.Write(theirs, binary.NativeEndian.AppendUint64(nil, full)) })
	}
	defer func() {
		for range 8 {
			value(t, theirs)
		}
		writers.Wait()
	}()
	rung := make(chan struct{})
	go func() {
		defer close(rung)
		b.Ring(fd)
	}()
	for deadline := time.After(10 * time.Second); ; {
		was, err := b.Free(fd)
		if err != nil {
			t.Fatal(err)
		}
		if was {
			break
		}
		select {
		case <-deadline:
			t.Fatal("the thread is not found")
		case <-time.After(time.Millisecond):
		}
	}
	select {
	case <-rung:
	case <-time.After(10 * time.Second):
		t.Fatal("the thread is still kept")
	}
	if was, _ := b.Free(fd); was {
		t.Error("one that is free is freed once more")
	}
}

// A thread that has to wait for a CPU on its way is not kept.
func TestAThreadThatIsOnlySlowIsNotFreed(t *testing.T) {
	var b Bell
	fd := eventfd(t, full)
	b.writes.Add(1) // it is about to write, and does not get there
	if was, err := b.Free(fd); was || err != nil {
		t.Errorf("freed: %v, %v", was, err)
	}
}

func TestRingingAllocatesNothing(t *testing.T) {
	for name, b := range map[string]*Bell{"signalled": open(t), "written": new(Bell)} {
		fd := eventfd(t, 0)
		if n := testing.AllocsPerRun(1000, func() { b.Ring(fd) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// BenchmarkRing is what telling the other side costs, once per batch at most; nobody waits for the eventfd.
func BenchmarkRing(b *testing.B) {
	b.Run("signalled", func(b *testing.B) { bench(b, open(b)) })
	b.Run("written", func(b *testing.B) { bench(b, new(Bell)) })
}

func bench(b *testing.B, bell *Bell) {
	fd := eventfd(b, 0)
	b.ReportAllocs()
	for b.Loop() {
		bell.Ring(fd)
	}
}

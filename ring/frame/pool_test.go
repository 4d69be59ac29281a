package frame

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"a buffer size AF_XDP does not take", Options{BufferSize: 1024}, "want 2048 or 4096"},
		{"more than 4 GiB", Options{Buffers: 1<<21 + 1}, "want 1 to 2097152"},
		{"more than 4 GiB of large buffers", Options{Buffers: 1<<20 + 1, BufferSize: 4096}, "want 1 to 1048576"},
		{"a negative number of buffers", Options{Buffers: -1}, "want 1 to"},
		{"a negative number of caches", Options{Caches: -1}, "want 1 to"},
		{"too many caches", Options{Caches: maxCaches + 1}, "want 1 to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := NewPool(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestTheDefaultsAreThoseDocumented(t *testing.T) {
	p, err := NewPool(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Buffers() != 16384 || p.BufferSize() != 2048 || p.Room() != 2048-Headroom || len(p.Memory()) != 16384*2048 {
		t.Errorf("%d buffers of %d bytes with room for %d, %d bytes in all", p.Buffers(), p.BufferSize(), p.Room(), len(p.Memory()))
	}
	if p.Pages() == "" {
		t.Error("the kind of pages has no name")
	}
	for range 2 { // closing again does nothing
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestHugepagesAreUsedWhenThereAreSomeAndNeverRequired(t *testing.T) {
	free, err := os.ReadFile("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
	if err != nil {
		t.Skipf("no hugepages on this kernel: %v", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(free)))
	if err != nil {
		t.Fatal(err)
	}
	want := Options{Buffers: 1024, Huge: HugeAuto} // 2 MiB: one hugepage
	p, err := NewPool(want)
	if err != nil {
		t.Fatalf("hugepages free: %d, and the pool fails: %v", n, err)
	}
	if got := strings.HasPrefix(p.Pages(), "2 MiB"); got != (n > 0) {
		t.Errorf("hugepages free: %d, pages used: %s", n, p.Pages())
	}
	p.Memory()[0] = 1 // the page is there: no SIGBUS
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	want.Huge = HugeAlways
	p, err = NewPool(want)
	if (err == nil) != (n > 0) {
		t.Errorf("hugepages free: %d, pool that requires them: %v", n, err)
	}
	if err == nil {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	} else if !strings.Contains(err.Error(), "hugepages") {
		t.Errorf("the error does not speak of hugepages: %v", err)
	}
}

func TestTheArenaIsWhatItsDescriptorNames(t *testing.T) {
	p := newPool(t, Options{Buffers: 8})
	other, err := unix.Mmap(p.FD(), 0, len(p.Memory()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(other)
	copy(p.Memory()[5000:], "seen by the other process")
	if !bytes.HasPrefix(other[5000:], []byte("seen by")) {
		t.Error("another mapping of the arena shows other bytes")
	}
}

func TestAFreshFrameIsEmptyBehindTheHeadroom(t *testing.T) {
	for _, size := range []int{2048, 4096} {
		p := newPool(t, Options{Buffers: 100, BufferSize: size})
		c := newCache(t, p)
		seen := make(map[uint32]bool)
		var b Batch
		for range 64 {
			f := mustGet(t, c)
			if f.Len() != 0 || f.More() != 0 || f.Flags() != 0 || p.Headroom(f) != Headroom || p.Tailroom(f) != size-Headroom {
				t.Fatalf("%d bytes: fresh frame %+v with headroom %d, tailroom %d", size, f, p.Headroom(f), p.Tailroom(f))
			}
			if seen[p.Buffer(f)] {
				t.Fatalf("buffer %d was handed out twice", p.Buffer(f))
			}
			seen[p.Buffer(f)] = true
			b.Append(f)
		}
		c.PutBatch(&b)
	}
}

func TestPrependAndTrimKeepTheFrameInItsBuffer(t *testing.T) {
	for _, size := range []int{2048, 4096} {
		p := newPool(t, Options{Buffers: 2, BufferSize: size})
		c := newCache(t, p)
		f := mustGet(t, c)
		start := f.Off() - Headroom
		buffer := p.Buffer(f)
		if p.Prepend(&f, Headroom+1) || f.Len() != 0 {
			t.Error("more was prepended than there is headroom")
		}
		if !p.Prepend(&f, Headroom) || f.Off() != start || f.Len() != Headroom || p.Prepend(&f, 1) {
			t.Error("the whole headroom, and no more, can be prepended")
		}
		p.SetLen(&f, size)
		if p.Tailroom(f) != 0 || len(p.Bytes(f)) != size || cap(p.Bytes(f)) != size {
			t.Error("a frame as large as its buffer has tailroom")
		}
		if p.Trim(&f, size+1) {
			t.Error("more was trimmed than there is")
		}
		if p.Trim(&f, size) {
			t.Error("a frame was trimmed to the start of the next buffer")
		}
		if !p.Trim(&f, size-1) || f.Len() != 1 || p.Buffer(f) != buffer {
			t.Error("all but the last byte cannot be trimmed")
		}
		if !p.Prepend(&f, 10) || f.Len() != 11 || p.Buffer(f) != buffer {
			t.Error("what was trimmed cannot be prepended again")
		}
		p.SetLen(&f, 5)
		if !p.Trim(&f, 5) || f.Len() != 0 || p.Buffer(f) != buffer {
			t.Error("a frame cannot be trimmed to nothing inside its buffer")
		}
		wantPanic(t, "length", func() { p.SetLen(&f, p.Tailroom(f)+1) })
		wantPanic(t, "length", func() { p.SetLen(&f, -1) })
		c.Put(f)
	}
}

func TestPrependAndTrimKeepAChainsTotal(t *testing.T) {
	p := newPool(t, Options{Buffers: 8})
	c := newCache(t, p)
	f := chainOf(t, p, c, 100, 200)
	if !p.Prepend(&f, 50) || p.Total(f) != 350 || !p.Trim(&f, 150) || p.Total(f) != 200 || f.Len() != 0 {
		t.Errorf("total %d, first buffer %d; want 200, 0", p.Total(f), f.Len())
	}
	c.Put(f)
}

func TestBytesOfOneFrameDoNotReachAnother(t *testing.T) {
	p := newPool(t, Options{Buffers: 2})
	c := newCache(t, p)
	a, b := mustGet(t, c), mustGet(t, c)
	p.SetLen(&a, 4)
	p.SetLen(&b, 4)
	clear(p.Memory())
	_ = append(p.Bytes(a), bytes.Repeat([]byte{0xa5}, 4096)...)
	if bytes.IndexByte(p.Memory(), 0xa5) >= 0 {
		t.Error("appending to a frame's bytes wrote into the arena")
	}
	c.Put(a)
	c.Put(b)
}

func TestAFrameIsNamedByItsDescriptor(t *testing.T) {
	p := newPool(t, Options{Buffers: 4})
	c := newCache(t, p)
	f := mustGet(t, c)
	p.SetLen(&f, 60)
	if g := p.At(f.Off(), 60); g != f {
		t.Errorf("frame %+v from its offset and length: %+v", f, g)
	}
	f.SetFlags(HasOffload)
	if f.Flags() != HasOffload {
		t.Error("flags set are not there")
	}
	c.Put(f)
}

func TestWhatIsUsedAfterCloseFailsLoudly(t *testing.T) {
	p, err := NewPool(Options{Buffers: 4, Huge: HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	f := mustGet(t, c)
	p.SetLen(&f, 10)
	c.Put(f)
	c.Close()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("bytes of a closed pool were readable")
		}
	}()
	_ = p.Bytes(f)
}

func TestNobodyCanCutTheArenaShort(t *testing.T) {
	p, err := NewPool(Options{Buffers: 64, Huge: HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, size := range []int64{0, 4096, 1 << 30} {
		if err := unix.Ftruncate(p.FD(), size); !errors.Is(err, unix.EPERM) {
			t.Errorf("made %d bytes long: %v", size, err)
		}
	}
}

package mem

import (
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestARegionOfAFileIsItsBytes(t *testing.T) {
	fd := memfd(t, 8*page)
	if _, err := unix.Pwrite(fd, []byte("hello"), 2*page+16); err != nil {
		t.Fatal(err)
	}
	m, err := Map(fd, Region{Guest: 0x1000, User: 0x2000, Size: page, Offset: 2*page + 8})
	if err != nil {
		t.Fatal(err)
	}
	tab, err := NewTable(m)
	if err != nil {
		t.Fatal(err)
	}
	b, ok := tab.Guest(0x1008, 5)
	if !ok || string(b) != "hello" {
		t.Errorf("found %q, %v", b, ok)
	}
	copy(b, "HELLO")
	var back [5]byte
	if _, err := unix.Pread(fd, back[:], 2*page+16); err != nil || string(back[:]) != "HELLO" {
		t.Errorf("the file has %q, %v", back, err)
	}
	if err := tab.Close(); err != nil {
		t.Error(err)
	}
	if m.Bytes() != nil {
		t.Error("still mapped after the last table is closed")
	}
}

func TestFilesThatAreNotAsSaidAreRefused(t *testing.T) {
	fd := memfd(t, 4*page)
	dev, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	for _, c := range []struct {
		name string
		fd   int
		r    Region
		want string
	}{
		{"longer than its file", fd, Region{Size: 5 * page}, "the file has 0x4000 bytes"},
		{"longer from its offset on", fd, Region{Size: 2 * page, Offset: 3 * page}, "the file has 0x4000 bytes"},
		{"begins where the file ends", fd, Region{Size: 8, Offset: 4 * page}, "the file has 0x4000 bytes"},
		{"a device", int(dev.Fd()), Region{Size: page}, "not a file of memory"},
		{"no file at all", -1, Region{Size: page}, "fstat"},
		{"empty", fd, Region{}, "empty"},
	} {
		m, err := Map(c.fd, c.r)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err == nil {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestAReadOnlyFileIsRefused(t *testing.T) {
	f, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Map(int(f.Fd()), Region{Size: page}); err == nil {
		t.Error("a file that cannot be written to was mapped")
	}
}

// TestHugePages maps a part of a file on hugepages, where a mapping has to begin and end at one.
func TestHugePages(t *testing.T) {
	const huge = 2 << 20
	fd, err := unix.MemfdCreate("mem-test", unix.MFD_CLOEXEC|unix.MFD_HUGETLB|unix.MFD_HUGE_2MB)
	if err != nil {
		t.Skip("this host has no hugepages: ", err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, 2*huge); err != nil {
		t.Skip("this host has no hugepages: ", err)
	}
	m, err := Map(fd, Region{Size: huge, Offset: huge / 2})
	if err != nil {
		t.Skip("this host has no free hugepages: ", err)
	}
	if len(m.Bytes()) != huge || len(m.whole) != 2*huge {
		t.Errorf("%#x bytes, %#x mapped", len(m.Bytes()), len(m.whole))
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestATruncatedFileIsAFaultAndNotTheEnd takes the file's pages away while it is mapped.
func TestATruncatedFileIsAFaultAndNotTheEnd(t *testing.T) {
	fd := memfd(t, 4*page)
	m, err := Map(fd, Region{Guest: 0x10_0000, User: 0, Size: 4 * page})
	if err != nil {
		t.Fatal(err)
	}
	tab, err := NewTable(m)
	if err != nil {
		t.Fatal(err)
	}
	b := m.Bytes()
	if err := unix.Ftruncate(fd, page); err != nil {
		t.Fatal(err)
	}
	local := make([]byte, page)
	for name, access := range map[string]func(){
		"a load":         func() { local[0] = b[2*page] },
		"a store":        func() { b[2*page] = 1 },
		"a copy from it": func() { copy(local, b[2*page:]) },
		"a copy to it":   func() { copy(b[2*page:], local) },
		"an atomic":      func() { w, _ := wordsOf(b); w[2*page/4].Load() },
	} {
		v := panicOf(access)
		addr, ok := tab.Fault(v)
		if !ok || addr < 0x10_0000+2*page || addr >= 0x10_0000+3*page {
			t.Errorf("%s: panic %v, at guest address %#x, %v", name, v, addr, ok)
		}
	}
	if v := panicOf(func() { local[0] = b[0] }); v != nil {
		t.Errorf("the page that is left: %v", v)
	}
	if err := tab.Close(); err != nil {
		t.Error(err)
	}
}

func TestOtherPanicsAreNoFaultsInGuestMemory(t *testing.T) {
	tab := table(t, gap...)
	var nowhere *[1 << 20]byte
	for name, f := range map[string]func(){
		"nil":              func() { nowhere[1<<19] = 1 },
		"an index":         func() { _ = make([]byte, 1)[len(tab.maps)] },
		"an error":         func() { panic(os.ErrClosed) },
		"nothing happened": func() {},
	} {
		if v := panicOf(f); v == nil && name != "nothing happened" {
			t.Errorf("%s: did not panic", name)
		} else if _, ok := tab.Fault(v); ok || FaultIn(nil, v) {
			t.Errorf("%s: %v is taken for a fault", name, v)
		}
	}
}

// panicOf returns what f panics with, faults in memory included.
func panicOf(f func()) (v any) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { v = recover() }()
	f()
	return nil
}

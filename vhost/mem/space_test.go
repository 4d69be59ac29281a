package mem

import (
	"math"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestGuestsShareTheAddressesThatThereAre(t *testing.T) {
	fd := memfd(t, MaxGuest)
	var s Space
	var maps []*Mapping
	for range SpaceBytes / MaxGuest {
		m, err := s.Map(fd, Region{Size: MaxGuest})
		if err != nil {
			t.Fatal(err)
		}
		maps = append(maps, m)
	}
	for _, r := range []Region{{Size: page}, {Size: math.MaxInt64 &^ 7}} {
		if m, err := s.Map(fd, r); err == nil || !strings.Contains(err.Error(), "guests have") && !strings.Contains(err.Error(), "may have") {
			t.Errorf("%v: mapped %v, error %v", r, m, err)
		}
	}
	for _, m := range maps {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := s.taken.Load(); n != 0 {
		t.Errorf("%#x bytes are counted when nothing is mapped", n)
	}
	if m, err := s.Map(-1, Region{Size: page}); err == nil || s.taken.Load() != 0 {
		t.Errorf("a mapping that failed counts: %v, %v", m, err)
	}
}

// A log may be as long as a guest's memory is wide, and has addresses of the same process.
func TestLogsTakeTheAddressesThatGuestsShare(t *testing.T) {
	fd := memfd(t, MaxLog)
	var s Space
	s.taken.Store(SpaceBytes - MaxLog)
	l, err := s.MapLog(fd, MaxLog, 0)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := s.MapLog(fd, page, 0); err == nil || !strings.Contains(err.Error(), "guests have") {
		t.Errorf("a log that there are no addresses for: %v, %v", m, err)
	}
	if m, err := s.MapLog(fd, math.MaxUint64, 0); err == nil {
		t.Errorf("a log of all addresses: %v", m)
	}
	for range 2 { // the second time there is nothing to give back
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if m, err := s.MapLog(-1, page, 0); err == nil || s.taken.Load() != SpaceBytes-MaxLog {
		t.Errorf("%#x bytes are counted, want those that were; %v, %v", s.taken.Load(), m, err)
	}
}

func TestNoSumOfRegionsIsTooLarge(t *testing.T) {
	for _, c := range []struct {
		sizes []uint64
		sum   uint64
		ok    bool
	}{
		{nil, 0, true},
		{[]uint64{8, 16}, 24, true},
		{[]uint64{MaxGuest}, MaxGuest, true},
		{[]uint64{MaxGuest, 8}, 0, false},
		{[]uint64{math.MaxUint64, 9}, 0, false},
		{[]uint64{8, math.MaxUint64 - 7}, 0, false},
	} {
		var regions []Region
		for _, n := range c.sizes {
			regions = append(regions, Region{Size: n})
		}
		if sum, ok := Total(regions...); sum != c.sum || ok != c.ok {
			t.Errorf("%#x: %#x, %v, want %#x, %v", c.sizes, sum, ok, c.sum, c.ok)
		}
	}
}

// Files whose pages somebody hands out are not mapped: whoever touched one would wait for that one.
func TestOnlyFilesWhosePagesTheKernelHasAreMapped(t *testing.T) {
	for name, kind := range map[string]int64{
		"FUSE": unix.FUSE_SUPER_MAGIC, "NFS": unix.NFS_SUPER_MAGIC, "overlay": unix.OVERLAYFS_SUPER_MAGIC,
		"9p": unix.V9FS_MAGIC, "sysfs": unix.SYSFS_MAGIC, "secret memory": unix.SECRETMEM_MAGIC,
	} {
		if local(kind) {
			t.Errorf("a file of %s would be mapped", name)
		}
	}
	f, err := os.Open("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil {
		t.Skip("no sysfs: ", err)
	}
	defer f.Close()
	if _, err := Map(int(f.Fd()), Region{Size: page}); err == nil || !strings.Contains(err.Error(), "may come from elsewhere") {
		t.Errorf("a file of sysfs: %v", err)
	}
}

// A log may begin anywhere in its file: its bits are there, and what is before and behind stays as it is.
func TestALogBehindAnOffsetIsWhereTheFrontendReadsIt(t *testing.T) {
	fd := memfd(t, 3*page)
	for _, offset := range []uint64{0, 8, page - 8, page, page + 16} {
		if err := unix.Ftruncate(fd, 0); err != nil {
			t.Fatal(err)
		}
		if err := unix.Ftruncate(fd, 3*page); err != nil {
			t.Fatal(err)
		}
		l, err := MapLog(fd, 16, offset)
		if err != nil {
			t.Fatal(err)
		}
		l.Mark(0, 128*LogPage) // all that it has a bit for
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		var file [3 * page]byte
		if _, err := unix.Pread(fd, file[:], 0); err != nil {
			t.Fatal(err)
		}
		for i, b := range file {
			inside := uint64(i) >= offset && uint64(i) < offset+16
			if (b == 0xff) != inside || !inside && b != 0 {
				t.Fatalf("a log at %#x: byte %#x is %#x", offset, i, b)
			}
		}
	}
}

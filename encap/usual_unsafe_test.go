package encap

import (
	"testing"
	"unsafe"

	"github.com/culvertdev/culvert/ring/frame"
)

// TestAssemblyFindsWhatItGoesBy pins the places of what pushUsual reads and writes. unsafe.Offsetof is a constant and touches no memory.
func TestAssemblyFindsWhatItGoesBy(t *testing.T) {
	var u usual
	for _, c := range []struct {
		name      string
		got, want uintptr
	}{
		{"link", unsafe.Offsetof(u.link), 0},
		{"outer", unsafe.Offsetof(u.outer), 32},
		{"sum", unsafe.Offsetof(u.sum), 72},
		{"size", unsafe.Offsetof(u.size), 80},
		{"l3", unsafe.Offsetof(u.l3), 88},
		{"moved", unsafe.Offsetof(u.moved), 96},
		{"mask", unsafe.Offsetof(u.mask), 104},
		{"arena", unsafe.Offsetof(u.arena), 112},
		{"entropy", unsafe.Offsetof(u.entropy), 120},
		{"keys", unsafe.Offsetof(u.keys), 128},
	} {
		if c.got != c.want {
			t.Errorf("%s is at byte %d, and read at %d", c.name, c.got, c.want)
		}
	}
	f := newLab(t).pool.At(0x12345678, 0x9abc)
	if got, want := *(*uint64)(unsafe.Pointer(&f)), uint64(0x9abc_1234_5678); got != want {
		t.Errorf("a frame is %#x, want %#x", got, want)
	}
	f.SetFlags(frame.HasTunnel)
	if got := *(*uint64)(unsafe.Pointer(&f)); got>>48 == 0 {
		t.Error("flags do not show in what is above a frame's length")
	}
}

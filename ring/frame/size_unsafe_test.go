package frame

import (
	"testing"
	"unsafe"
)

// TestSizes holds the sizes that the layout promises. unsafe.Sizeof is a constant and touches no memory.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uintptr
	}{
		{"Frame", unsafe.Sizeof(Frame{}), 8},
		{"Meta", unsafe.Sizeof(Meta{}), 64},
		{"Cache", unsafe.Sizeof(Cache{}), 128},
	} {
		if c.got != c.want {
			t.Errorf("%s has %d bytes, want %d", c.name, c.got, c.want)
		}
	}
}

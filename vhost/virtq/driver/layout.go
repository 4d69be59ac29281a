package driver

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// A Layout says where the parts of a ring are: offsets in bytes from the start of its memory. Descriptors begin
// at 0; VIRTIO calls the parts Descriptor Area, Driver Area (split: available ring) and Device Area (split: used
// ring).
type Layout struct {
	Driver int
	Device int
	Tables int // indirect tables
	Bytes  int // of memory, all together
}

// line keeps what one side writes off the other side's cache lines, in bytes: two lines, since processors fetch
// them in pairs.
const line = 128

func align(n int) int { return (n + line - 1) &^ (line - 1) }

// SplitLayout returns how a split ring lies in memory (VIRTIO 1.2, 2.7).
func SplitLayout(c Config) Layout {
	var l Layout
	l.Driver = align(layout.DescBytes * c.Size)
	l.Device = align(l.Driver + 6 + 2*c.Size)
	l.Tables = align(l.Device + 6 + 8*c.Size)
	l.Bytes = l.Tables + layout.DescBytes*c.Table*c.Size
	return l
}

// PackedLayout returns how a packed ring lies in memory (VIRTIO 1.2, 2.8.10.1).
func PackedLayout(c Config) Layout {
	var l Layout
	l.Driver = align(layout.DescBytes * c.Size)
	l.Device = align(l.Driver + 4)
	l.Tables = align(l.Device + 4)
	l.Bytes = l.Tables + layout.DescBytes*c.Table*c.Size
	return l
}

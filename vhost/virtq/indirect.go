package virtq

import (
	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A table is an indirect table of descriptors in guest memory.
type table struct {
	win  *mem.Window
	addr uint64 // guest-physical
	mem  []byte // the whole table; nil when it reaches over several regions of memory
	n    uint32 // descriptors
}

// openTable finds the table that d refers to. The lengths that VIRTIO 1.2 allows (2.7.5.3) are bounded by what
// one chain may have: longer tables come to nothing.
func openTable(win *mem.Window, d layout.Desc) (table, Kind, uint64) {
	size := d.Len()
	if size == 0 || size%layout.DescBytes != 0 {
		return table{}, IndirectSize, uint64(size)
	}
	memory, ok := win.Bytes(d.Addr, size)
	if !ok {
		memory = nil
		if len(win.Piece(d.Addr, size)) == 0 {
			return table{}, IndirectOutside, d.Addr
		}
	}
	return table{win: win, addr: d.Addr, mem: memory, n: size / layout.DescBytes}, 0, 0
}

// at returns descriptor i of n, read once; false when it is outside the memory.
func (t *table) at(i uint32) (layout.Desc, bool) {
	off := uint64(i) * layout.DescBytes
	if t.mem != nil {
		return layout.Decode((*[layout.DescBytes]byte)(t.mem[off:])), true
	}
	var d [layout.DescBytes]byte
	for have := 0; have < layout.DescBytes; {
		at := t.addr + off + uint64(have)
		if at < t.addr {
			return layout.Desc{}, false
		}
		piece := t.win.Piece(at, uint32(layout.DescBytes-have))
		if len(piece) == 0 {
			return layout.Desc{}, false
		}
		have += copy(d[have:], piece)
	}
	return layout.Decode(&d), true
}

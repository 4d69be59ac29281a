package driver

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// tables are the indirect tables of a ring, one for each of its descriptors.
type tables struct {
	memory []byte
	base   uint64 // address of memory for the device
	size   int    // descriptors of each; 0: there are none
}

func newTables(memory []byte, c Config, l Layout) tables {
	return tables{memory: memory[l.Tables:l.Bytes], base: c.Base + uint64(l.Tables), size: c.Table}
}

// fit reports whether a chain of n buffers goes into a table: one alone is better without.
func (t *tables) fit(n int) bool { return n > 1 && n <= t.size }

// at returns descriptor i of table number n.
func (t *tables) at(n uint16, i int) *[layout.DescBytes]byte {
	return (*[layout.DescBytes]byte)(t.memory[(int(n)*t.size+i)*layout.DescBytes:])
}

// buffer returns where table number n is, with its first entries.
func (t *tables) buffer(n uint16, entries int) Buffer {
	return Buffer{t.base + uint64(int(n)*t.size*layout.DescBytes), uint32(entries * layout.DescBytes)}
}

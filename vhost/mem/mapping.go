package mem

import (
	"fmt"
	"sync/atomic"
)

// A Mapping is a region that is mapped into this process.
//
// Thread-safety: what it says of itself never changes; tables count their references atomically.
type Mapping struct {
	region Region
	bytes  []byte       // the region's own bytes
	whole  []byte       // what was mapped: bytes, and what page boundaries add; nil on the heap
	tables atomic.Int32 // tables that have it
	space  *Space       // whose addresses it takes; nil: nobody counts
}

// Bytes returns the region's memory, valid as long as a table has the mapping.
func (m *Mapping) Bytes() []byte { return m.bytes }

// Close unmaps a mapping that is in no table. Those in tables go with their last one.
func (m *Mapping) Close() error {
	if n := m.tables.Load(); n != 0 {
		return fmt.Errorf("%v: in use by %d tables", m.region, n)
	}
	return m.unmap()
}

// release takes one table's reference back.
func (m *Mapping) release() error {
	if m.tables.Add(-1) > 0 {
		return nil
	}
	return m.unmap()
}

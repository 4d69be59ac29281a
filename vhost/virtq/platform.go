package virtq

import (
	"fmt"

	"github.com/culvertdev/culvert/vhost/mem"
)

// A Miss is an address that stands for no memory yet, because the IOMMU in front of the device was not asked what it
// stands for. As an error it says that a ring cannot be opened yet.
type Miss struct {
	Addr uint64 // I/O virtual
	Want mem.Access
}

// Error says which address it is.
func (m Miss) Error() string {
	return fmt.Sprintf("address %#x has not been translated yet", m.Addr)
}

// A platform is what a queue's addresses go through. The zero value is nothing: they are addresses of memory.
type platform struct {
	iotlb *mem.IOTLB // nil: nothing
	miss  Miss       // what the queue stopped at; Want 0: nothing
	parts []found    // of the ring
}

// A found part of a ring, by its I/O virtual address.
type found struct {
	addr   uint64
	memory []byte
	want   mem.Access
}

// translate has the queue's windows look through the IOMMU, if there is one.
func (q *common) translate(c Config) {
	if c.IOTLB == nil {
		return
	}
	q.platform.iotlb = c.IOTLB
	buffers := mem.Write
	if c.Reads {
		buffers = mem.Read
	}
	q.apart = !c.Reads
	c.IOTLB.Open(&q.win, buffers)
	c.IOTLB.Open(&q.tables, mem.Read)
}

// part finds one part of a ring, of n bytes at addr, and its guest-physical address.
func (q *common) part(t *mem.Table, addr uint64, n int, align uint64, want mem.Access) (memory []byte, guest uint64, err error) {
	if addr%align != 0 {
		return nil, 0, failed(RingMisaligned, addr)
	}
	var ok bool
	if q.platform.iotlb == nil {
		if memory, ok = t.User(addr, uint64(n)); !ok {
			return nil, 0, failed(RingOutside, addr)
		}
		guest, _ = t.GuestAddress(addr)
		return memory, guest, nil
	}
	memory, guest, known, ok := q.platform.iotlb.Range(t, addr, uint64(n), want)
	switch {
	case known < uint64(n):
		return nil, 0, Miss{addr + known, want}
	case !ok:
		return nil, 0, failed(RingScattered, addr)
	}
	q.platform.parts = append(q.platform.parts, found{addr, memory, want})
	return memory, guest, nil
}

// absent reports whether a chain could not be taken, for reason k, because an address in it is not translated yet, and
// notes which.
func (q *common) absent(k Kind) bool {
	switch {
	case q.platform.iotlb == nil:
		return false
	case k == BufferOutside && q.reads, k == IndirectOutside:
		q.platform.miss.Want = mem.Read
	case k == BufferOutside:
		q.platform.miss.Want = mem.Write
	default:
		return false
	}
	q.platform.miss.Addr = q.win.Missed()
	if k == IndirectOutside {
		q.platform.miss.Addr = q.tables.Missed()
	}
	return true
}

// Missing returns the address that the next chain waits for, which Take has come upon. Until that is known, and
// Refresh was called, Take returns no more than what comes before it.
func (q *common) Missing() (m Miss, ok bool) { return q.platform.miss, q.platform.miss.Want != 0 }

// Refresh follows a change of what the queue's IOTLB knows.
func (q *common) Refresh() {
	q.win.Forget()
	q.tables.Forget()
	q.platform.miss = Miss{}
}

// Moved reports whether a part of the ring that has an address from first to last is no longer where the queue found
// it, as far as is known: then the ring has to be opened anew.
func (q *common) Moved(t *mem.Table, first, last uint64) bool {
	for _, p := range q.platform.parts {
		if p.addr > last || first > p.addr+uint64(len(p.memory))-1 {
			continue
		}
		now, _, _, ok := q.platform.iotlb.Range(t, p.addr, uint64(len(p.memory)), p.want)
		if !ok || &now[0] != &p.memory[0] {
			return true
		}
	}
	return false
}

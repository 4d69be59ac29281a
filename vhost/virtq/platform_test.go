package virtq_test

import (
	"testing"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// A device behind an IOMMU that comes after one that was killed knows no addresses yet: what was under way waits for
// them, as what is new does.
func TestChainsInFlightWaitForTheirAddresses(t *testing.T) {
	for _, s := range shapes(16) {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			w.config.Inflight = make([]byte, virtq.InflightBytes(s.packed, s.driver.Size))
			ring := w.data - guestBase // bytes
			// Addresses in the ring are the guest's, which stand for themselves here; so do those of its parts.
			for _, at := range []*uint64{&w.config.Desc, &w.config.Driver, &w.config.Device} {
				*at = *at - userBase + guestBase
			}
			known := func() *mem.IOTLB {
				c := new(mem.IOTLB)
				if err := c.Update(w.table, guestBase, ring, userBase, mem.Read|mem.Write); err != nil {
					t.Fatal(err)
				}
				w.config.IOTLB = c
				return c
			}
			all := func(c *mem.IOTLB) {
				if err := c.Update(w.table, w.data, 64<<10, userBase+ring, mem.Read|mem.Write); err != nil {
					t.Fatal(err)
				}
			}
			all(known())
			w.device = w.newDevice()
			for i := range 3 {
				w.guest.Add(uint32(i), nil, []driver.Buffer{{Addr: w.data + uint64(i)*4096, Len: 64}, {Addr: w.data + uint64(i)*4096 + 64, Len: 64}})
			}
			w.guest.Publish()
			if n, err := w.device.Take(&w.chains, 8); n != 3 || err != nil {
				t.Fatalf("took %d, %v", n, err)
			}

			c := known() // the device is killed, and what it knew is gone
			w.device = w.newDevice()
			if n, err := w.device.Take(&w.chains, 8); n != 0 || err != nil {
				t.Fatalf("took %d without their addresses, %v", n, err)
			}
			w.device.Give(&w.chains, 0)
			waits := w.device.(interface {
				Missing() (virtq.Miss, bool)
				Refresh()
			})
			if m, ok := waits.Missing(); !ok || m.Addr < w.data || m.Addr >= w.data+3*4096 {
				t.Fatalf("it waits for %#x, %v", m.Addr, ok)
			}
			all(c)
			waits.Refresh()
			w.serve(3)
			w.reap(3)
			if err := w.guest.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

package virtq_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// A collected log is one whose bits a frontend takes away now and then.
type collected struct {
	*mem.Log
	bits []byte
}

// newLog returns a log of all memory of w.
func (w *world) newLog() collected {
	w.t.Helper()
	size := ((guestBase+len(w.memory))/mem.LogPage/8 + 4095) &^ 4095
	fd, err := unix.MemfdCreate("log", unix.MFD_CLOEXEC)
	if err != nil {
		w.t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		w.t.Fatal(err)
	}
	l := collected{}
	if l.bits, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		w.t.Fatal(err)
	}
	if l.Log, err = mem.MapLog(fd, uint64(size), 0); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		unix.Munmap(l.bits)
		if err := l.Log.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return l
}

// collect takes all bits away.
func (l collected) collect() { clear(l.bits) }

// ring reports whether the page of an offset into the ring's memory is noted.
func (l collected) ring(off uint64) bool { return l.Marked(guestBase + off) }

// QEMU sends one address for the log of a ring, of whatever layout: that of the device area (hw/virtio/vhost.c,
// vhost_virtqueue_set_addr: used_phys). In a packed ring that is an event word, and used descriptors are elsewhere.
func TestAPackedRingIsLoggedWhereItsDescriptorsAre(t *testing.T) {
	w := newWorld(t, shape{packed: true, driver: driver.Config{Size: 64}})
	const apart = 0x10000
	w.config.Device = userBase + apart
	l := w.newLog()
	w.config.Log, w.config.LogRing, w.config.RingLog = l.Log, true, guestBase+apart
	w.device = w.newDevice()
	w.pass(3)
	if !l.ring(0) {
		t.Error("the page of the descriptors is not noted")
	}
	if l.ring(apart) {
		t.Error("the page of the event word is noted, which nobody has written to")
	}
	l.collect()
	w.device.Kicks(true)
	if !l.ring(apart) {
		t.Error("the page of the event word is not noted")
	}
	if l.ring(0) {
		t.Error("the page of the descriptors is noted, which nobody has written to")
	}
}

// A frontend may collect the log between any two steps of the device's: what is written behind that is noted behind that.
func TestWhatIsShownToTheGuestIsNotedBehindTheWrite(t *testing.T) {
	for _, s := range shapes(16) {
		for _, reads := range []bool{false, true} {
			w := newWorld(t, s)
			l := w.newLog()
			w.config.Reads = reads
			w.config.Log, w.config.LogRing, w.config.RingLog = l.Log, true, guestBase+w.config.Device-userBase
			w.device = w.newDevice()
			w.offer(3)
			if n, err := w.device.Take(&w.chains, 3); n != 3 || err != nil {
				t.Fatal(n, err)
			}
			w.device.Give(&w.chains, 3)
			l.collect()
			w.device.Publish()
			if !l.ring(0) {
				t.Errorf("%s, reads %v: the page of the ring is not noted", s.name, reads)
			}
		}
	}
}

// What a device takes back that was written and not published before it is written to, and noted.
func TestWhatADeviceConcealsIsNoted(t *testing.T) {
	w := flightWorld(t, shape{packed: true, driver: driver.Config{Size: 16}})
	w.offer(3)
	if n, err := w.device.Take(&w.chains, 3); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	w.device.Give(&w.chains, 3) // and it is killed
	l := w.newLog()
	w.config.Log, w.config.LogRing = l.Log, true
	w.device = w.newDevice()
	if !l.ring(0) {
		t.Error("the page of the ring is not noted")
	}
}

// Behind an IOMMU the address for the log is an I/O virtual one, as all of the ring's are. Linux hands those out from 4 GiB
// downwards, where a small guest has no memory, and the log of QEMU covers memory only. The ring is logged where it is.
func TestALogNeedNotCoverTheAddressesOfAnIOMMU(t *testing.T) {
	const iova = 0xffff_0000_0000
	for _, packed := range []bool{false, true} {
		w := newWorld(t, shape{packed: packed, driver: driver.Config{Size: 64}})
		tlb := new(mem.IOTLB)
		if err := tlb.Update(w.table, iova, uint64(len(w.memory)), userBase, mem.Read|mem.Write); err != nil {
			t.Fatal(err)
		}
		w.config.IOTLB = tlb
		for _, part := range []*uint64{&w.config.Desc, &w.config.Driver, &w.config.Device} {
			*part += iova - userBase
		}
		l := w.newLog()
		w.config.Log, w.config.LogRing, w.config.RingLog = l.Log, true, w.config.Device
		var err error
		if packed {
			_, err = virtq.NewPacked(w.table, w.config)
		} else {
			_, err = virtq.NewSplit(w.table, w.config)
		}
		if err != nil {
			t.Errorf("packed %v: %v", packed, err)
		}
	}
}

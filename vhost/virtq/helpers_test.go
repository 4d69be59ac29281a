package virtq_test

import (
	"testing"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// Where the guest's memory is, for the guest and for its frontend.
const (
	guestBase = 0x4000_0000
	userBase  = 0x7f00_0000_0000
)

// device is the method set that the two layouts share.
type device interface {
	Available() int
	Take(*virtq.Chains, int) (int, error)
	Give(*virtq.Chains, int)
	Publish()
	Interrupt() bool
	Kicks(bool) bool
	Position() uint32
	Err() error
}

// guest is the method set of the driver's two halves.
type guest interface {
	AddOne(cookie uint32, b driver.Buffer, write bool) bool
	Add(cookie uint32, readable, writable []driver.Buffer) bool
	Publish()
	Kick() bool
	Calls(bool) bool
	Reap([]driver.Done) int
	Free() int
	Pending() int
	Err() error
}

// shape is one way that a ring can be.
type shape struct {
	name   string
	packed bool
	driver driver.Config
}

// shapes are all combinations of layout and features, for rings of size entries.
func shapes(size int) []shape {
	var all []shape
	for _, packed := range []bool{false, true} {
		for _, events := range []bool{false, true} {
			for _, order := range []bool{false, true} {
				for _, table := range []int{0, 8} {
					name := "split"
					if packed {
						name = "packed"
					}
					if events {
						name += ",events"
					}
					if order {
						name += ",order"
					}
					if table > 0 {
						name += ",indirect"
					}
					all = append(all, shape{name, packed, driver.Config{Size: size, Table: table, EventIndex: events, InOrder: order}})
				}
			}
		}
	}
	return all
}

// world is a guest's memory with one ring at its start and both halves of it.
type world struct {
	t      testing.TB
	table  *mem.Table
	memory []byte
	config virtq.Config
	shape  shape
	guest  guest
	device device
	chains virtq.Chains
	done   [1024]driver.Done
	data   uint64 // guest-physical address behind the ring, where buffers may be
}

func newWorld(t testing.TB, s shape) *world { return newWorldOf(t, s, 4<<20) }

// newWorldOf is newWorld with so many bytes of memory.
func newWorldOf(t testing.TB, s shape, size uint64) *world {
	t.Helper()
	m, err := mem.Heap(mem.Region{Guest: guestBase, User: userBase, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	return newWorldIn(t, s, m)
}

// newWorldIn is newWorld in memory that is there.
func newWorldIn(t testing.TB, s shape, m *mem.Mapping) *world {
	t.Helper()
	w := &world{t: t, memory: m.Bytes(), shape: s}
	var err error
	if w.table, err = mem.NewTable(m); err != nil {
		t.Fatal(err)
	}
	s.driver.Base = guestBase
	w.shape = s
	l := driver.SplitLayout(s.driver)
	if s.packed {
		l = driver.PackedLayout(s.driver)
	}
	w.config = virtq.Config{
		Size:   s.driver.Size,
		Desc:   userBase,
		Driver: userBase + uint64(l.Driver),
		Device: userBase + uint64(l.Device),

		Indirect:   s.driver.Table > 0,
		EventIndex: s.driver.EventIndex,
		InOrder:    s.driver.InOrder,
	}
	if s.packed {
		w.config.Position = virtq.PackedStart
	}
	w.data = guestBase + uint64(l.Bytes+4095)&^4095
	w.guest = w.newGuest()
	w.device = w.newDevice()
	return w
}

func (w *world) newGuest() (g guest) {
	w.t.Helper()
	var err error
	if w.shape.packed {
		g, err = driver.NewPacked(w.memory, w.shape.driver)
	} else {
		g, err = driver.NewSplit(w.memory, w.shape.driver)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

func (w *world) newDevice() (d device) {
	w.t.Helper()
	var err error
	if w.shape.packed {
		d, err = virtq.NewPacked(w.table, w.config)
	} else {
		d, err = virtq.NewSplit(w.table, w.config)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// at returns n bytes of the guest's memory at a guest-physical address.
func (w *world) at(addr uint64, n int) []byte { return w.memory[addr-guestBase:][:n] }

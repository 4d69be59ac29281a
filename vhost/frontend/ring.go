package frontend

import (
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// A ring is the driver's half of a virtqueue of either layout. Which one it is, is asked once per call.
type ring struct {
	split  *driver.Split
	packed *driver.Packed
}

// layout says where the parts of a ring are in its memory.
func layout(packed bool, c driver.Config) driver.Layout {
	if packed {
		return driver.PackedLayout(c)
	}
	return driver.SplitLayout(c)
}

// newRing lays a ring out in memory.
func newRing(packed bool, memory []byte, c driver.Config) (r ring, err error) {
	if packed {
		r.packed, err = driver.NewPacked(memory, c)
	} else {
		r.split, err = driver.NewSplit(memory, c)
	}
	return r, err
}

func (r *ring) addOne(cookie uint32, b driver.Buffer, write bool) bool {
	if r.packed != nil {
		return r.packed.AddOne(cookie, b, write)
	}
	return r.split.AddOne(cookie, b, write)
}

func (r *ring) addEach(cookies []uint32, buffers []driver.Buffer, write bool) int {
	if r.packed != nil {
		return r.packed.AddEach(cookies, buffers, write)
	}
	return r.split.AddEach(cookies, buffers, write)
}

func (r *ring) add(cookie uint32, readable []driver.Buffer) bool {
	if r.packed != nil {
		return r.packed.Add(cookie, readable, nil)
	}
	return r.split.Add(cookie, readable, nil)
}

func (r *ring) publish() {
	if r.packed != nil {
		r.packed.Publish()
	} else {
		r.split.Publish()
	}
}

func (r *ring) kick() bool {
	if r.packed != nil {
		return r.packed.Kick()
	}
	return r.split.Kick()
}

func (r *ring) reap(done []driver.Done) int {
	if r.packed != nil {
		return r.packed.Reap(done)
	}
	return r.split.Reap(done)
}

func (r *ring) calls(on bool) (ready bool) {
	if r.packed != nil {
		return r.packed.Calls(on)
	}
	return r.split.Calls(on)
}

func (r *ring) free() int {
	if r.packed != nil {
		return r.packed.Free()
	}
	return r.split.Free()
}

func (r *ring) err() error {
	if r.packed != nil {
		return r.packed.Err()
	}
	return r.split.Err()
}

// position is where a back end goes on that knows nothing of the ring: see [driver.Split.Position].
func (r *ring) position() uint32 {
	if r.packed != nil {
		return r.packed.Position()
	}
	return r.split.Position()
}

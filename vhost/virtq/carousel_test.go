package virtq_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// slot is how far apart the buffers of a carousel are here, in bytes.
const slot = 64

// carousel makes the world's guest one whose entries go round.
func (w *world) carousel(write bool) *driver.Carousel {
	w.t.Helper()
	list := make([]driver.Buffer, w.shape.driver.Size)
	for i := range list {
		list[i] = driver.Buffer{Addr: w.data + uint64(i)*slot, Len: slot}
	}
	q, err := driver.NewCarousel(w.shape.packed, w.memory, w.shape.driver, list, write)
	if err != nil {
		w.t.Fatal(err)
	}
	return q
}

// goesRound are the shapes of rings in which a carousel can be.
func goesRound() (list []shape) {
	for _, s := range shapes(32) {
		if s.driver.InOrder && !s.driver.EventIndex && s.driver.Table == 0 {
			list = append(list, s)
		}
	}
	return list
}

// Numbers go to the device, which gives entries back in batches of any size, many times round the ring, while both sides work at once.
func TestEntriesThatGoRoundArriveInOrder(t *testing.T) {
	const total = 100_000
	for _, s := range goesRound() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s)
			q := w.carousel(false)
			failed := make(chan error, 1)
			go func() { failed <- w.readNumbers(total) }()
			for next := uint64(0); next < total && q.Err() == nil; {
				q.Take(q.Size())
				at, n := q.Free()
				n = min(n, int(next%7)+1, int(total-next))
				for i := range n {
					entry := (at + i) % q.Size()
					q.SetLen(entry, 8+int(next%9))
					binary.LittleEndian.PutUint64(w.at(w.data+uint64(entry)*slot, 8), next)
					next++
				}
				if q.Give(n); n == 0 {
					runtime.Gosched()
				}
			}
			if err := q.Err(); err != nil {
				t.Error(err)
			}
			if err := <-failed; err != nil {
				t.Error(err)
			}
		})
	}
}

// readNumbers is a device that wants the numbers below total.
func (w *world) readNumbers(total uint64) error {
	var b virtq.Chains
	for seen := uint64(0); seen < total; {
		n, err := w.device.Take(&b, 1+int(seen%13))
		if err != nil {
			return err
		}
		for i := range n {
			got := b.Readable(b.At(i))[0]
			if v := binary.LittleEndian.Uint64(got); v != seen || len(got) != 8+int(seen%9) {
				return fmt.Errorf("%d in %d bytes arrived, want %d", v, len(got), seen)
			}
			seen++
		}
		w.device.Give(&b, n)
		if w.device.Publish(); n == 0 {
			runtime.Gosched()
		}
	}
	return nil
}

// The device writes numbers to entries that were given to it, which say how many bytes those are.
func TestEntriesThatGoRoundComeBackInOrder(t *testing.T) {
	const total = 100_000
	for _, s := range goesRound() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s)
			q := w.carousel(true)
			q.Give(q.Size())
			failed := make(chan error, 1)
			go func() { failed <- w.writeNumbers(total) }()
			for back := uint64(0); back < total && q.Err() == nil; {
				at, n := q.Take(int(back%11) + 1)
				for i := range n {
					entry := (at + i) % q.Size()
					if v := binary.LittleEndian.Uint64(w.at(w.data+uint64(entry)*slot, 8)); v != back || q.Written(entry) != 8+int(back%50) {
						t.Fatalf("entry %d came back with %d in %d bytes, want %d", entry, v, q.Written(entry), back)
					}
					back++
				}
				if q.Give(n); n == 0 {
					runtime.Gosched()
				}
			}
			if err := q.Err(); err != nil {
				t.Error(err)
			}
			if err := <-failed; err != nil {
				t.Error(err)
			}
		})
	}
}

// writeNumbers is a device that writes the numbers below total.
func (w *world) writeNumbers(total uint64) error {
	var b virtq.Chains
	for next := uint64(0); next < total; {
		n, err := w.device.Take(&b, 1+int(next%13))
		if err != nil {
			return err
		}
		n = min(n, int(total-next))
		for i := range n {
			c := b.At(i)
			binary.LittleEndian.PutUint64(b.Writable(c)[0], next)
			c.Written = 8 + uint32(next%50)
			next++
		}
		w.device.Give(&b, n)
		if w.device.Publish(); n == 0 {
			runtime.Gosched()
		}
	}
	return nil
}

//go:build !race

package virtq_test

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/vhost/virtq"
)

// TestAGuestThatRewritesWhatIsRead has a guest change descriptors, tables and indices all the time while the device
// reads them: each is what it was when it was read, and nothing is ever outside the guest's memory. The race
// detector would rightly complain of such a guest, so this runs without.
func TestAGuestThatRewritesWhatIsRead(t *testing.T) {
	for _, s := range shapes(16) {
		t.Run(s.name, func(t *testing.T) {
			w := newWorldOf(t, s, 64<<10)
			w.config.Indirect = true
			w.device = w.newDevice()
			var stop atomic.Bool
			done := make(chan struct{})
			go func() {
				defer close(done)
				w.scribble(&stop)
			}()
			took, died := 0, 0
			begin := time.Now()
			for time.Since(begin) < 20*time.Millisecond || took+died < 100 && time.Since(begin) < 10*time.Second {
				n, err := w.device.Take(&w.chains, 64)
				if took += n; err != nil {
					died++
					w.revive()
					continue
				}
				for i := range n {
					c := w.chains.At(i)
					for _, seg := range w.chains.Readable(c) {
						_ = seg[len(seg)-1]
					}
					for _, seg := range w.chains.Writable(c) {
						seg[len(seg)-1]++
					}
				}
				w.device.Give(&w.chains, n)
				w.device.Publish()
				w.device.Interrupt()
				w.device.Kicks(true)
			}
			stop.Store(true)
			<-done
			if took+died < 100 {
				t.Errorf("little happened: %d chains, the end %d times", took, died)
			}
		})
	}
}

// scribble writes descriptors that are nearly right into the ring and into the buffers, where indirect tables are, and
// indices that move.
func (w *world) scribble(stop *atomic.Bool) {
	random := rand.New(rand.NewPCG(5, 6))
	ring := w.memory[:w.data-guestBase+1<<14]
	for !stop.Load() {
		at := random.IntN(len(ring)/16) * 16
		addr := w.data + uint64(random.IntN(1<<14))
		flags := uint16(random.IntN(8)) | fAvail<<(8*random.IntN(2))
		encode(ring[at:], addr, uint32(random.IntN(64)), flags, flags)
		if random.IntN(4) == 0 {
			idx := w.field(w.config.Driver, 2)
			binary.LittleEndian.PutUint16(idx, binary.LittleEndian.Uint16(idx)+uint16(random.IntN(4)))
		}
	}
}

// revive sets the device up again, where the guest, by chance, has a ring that can be one.
func (w *world) revive() {
	for {
		var err error
		var d device
		if w.shape.packed {
			w.config.Position = virtq.PackedStart
			d, err = virtq.NewPacked(w.table, w.config)
		} else {
			copy(w.field(w.config.Driver, 2)[:2], w.field(w.config.Device, 2)[:2])
			d, err = virtq.NewSplit(w.table, w.config)
		}
		if err == nil {
			w.device = d
			return
		}
	}
}

package virtq_test

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// TestTwoSidesAtOnce has guest and device work at the same time, in memory that the race detector sees: what one
// side wrote is there when the other is told of it, in order, once. The guest sends numbers, the device sends
// them back on the same ring, in the writable part of the chain.
func TestTwoSidesAtOnce(t *testing.T) {
	total := uint64(200_000)
	if testing.Short() {
		total = 20_000
	}
	for _, s := range shapes(32) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s)
			failed := make(chan error, 1)
			go func() { failed <- w.echo(total) }()
			w.count(total)
			if err := <-failed; err != nil {
				t.Error(err)
			}
		})
	}
}

// count sends the numbers below total and checks that each comes back.
func (w *world) count(total uint64) {
	var done [16]driver.Done
	read, write := make([]driver.Buffer, 1), make([]driver.Buffer, 1)
	next, back := uint64(0), uint64(0)
	for back < total {
		for next < total {
			slot := next % 64
			addr := w.data + slot*64
			read[0], write[0] = driver.Buffer{Addr: addr, Len: 8}, driver.Buffer{Addr: addr + 32, Len: 16}
			if w.guest.Pending() == 64 || w.guest.Free() < 2 {
				break
			}
			binary.LittleEndian.PutUint64(w.at(addr, 8), next)
			if !w.guest.Add(uint32(next), read, write) {
				break
			}
			next++
			if next%5 == 0 {
				break
			}
		}
		w.guest.Publish()
		n := w.guest.Reap(done[:])
		for _, d := range done[:n] {
			got := binary.LittleEndian.Uint64(w.at(w.data+back%64*64+32, 8))
			if d.Cookie != uint32(back) || got != back^0xabcd || d.Written != 8 {
				w.t.Errorf("chain %d came back as %d with %d, %d bytes", back, d.Cookie, got^0xabcd, d.Written)
				total = back
				return
			}
			back++
		}
		if n == 0 {
			if err := w.guest.Err(); err != nil {
				w.t.Error(err)
				return
			}
			runtime.Gosched()
		}
	}
}

// echo is the device: it sends back total numbers.
func (w *world) echo(total uint64) error {
	var b virtq.Chains
	for seen := uint64(0); seen < total; {
		if seen%3 == 0 {
			w.device.Available()
		}
		n, err := w.device.Take(&b, 8)
		if err != nil {
			return err
		}
		if n == 0 {
			w.device.Publish()
			runtime.Gosched()
			continue
		}
		give := n
		if n > 4 && seen%2 == 0 {
			give = n - 2 // the rest is taken again
		}
		for i := range give {
			c := b.At(i)
			v := binary.LittleEndian.Uint64(b.Readable(c)[0])
			binary.LittleEndian.PutUint64(b.Writable(c)[0], v^0xabcd)
			c.Written = 8
		}
		w.device.Give(&b, give)
		if seen += uint64(give); seen%2 == 0 || n < 8 {
			w.device.Publish()
		}
	}
	w.device.Publish()
	return nil
}

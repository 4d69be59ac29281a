package virtq_test

import (
	"bytes"
	"testing"

	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// TestBuffersMayReachOverRegions has two regions that follow each other in the guest, and buffers and a table on
// the border.
func TestBuffersMayReachOverRegions(t *testing.T) {
	for _, packed := range []bool{false, true} {
		w := newWorld(t, shape{packed: packed, driver: driver.Config{Size: 16}})
		const border = guestBase + 4<<20
		more, err := mem.Heap(mem.Region{Guest: border, User: userBase + 1<<40, Size: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		if w.table, err = w.table.With(more); err != nil {
			t.Fatal(err)
		}
		w.config.Indirect = true
		w.device = w.newDevice()
		for i := range 100 {
			w.memory[len(w.memory)-100+i], more.Bytes()[i] = byte(i), byte(100+i)
		}
		r := newRaw(w)
		r.chain(link{addr: border - 50, n: 120})
		if n, err := w.device.Take(&w.chains, 8); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		segs := w.chains.Readable(w.chains.At(0))
		if len(segs) != 2 || len(segs[0]) != 50 || segs[0][0] != 50 || segs[1][69] != 169 || virtq.Bytes(segs) != 120 {
			t.Errorf("packed %v: %d segments", packed, len(segs))
		}
		w.device.Give(&w.chains, 1)

		// Two descriptors of 16 bytes, the second of which begins 8 bytes before the border.
		table := make([]byte, 32)
		next := uint16(fNext)
		if packed {
			encode(table, w.data, 8, 0, next)
			encode(table[16:], w.data+8, 9, 0, 0)
		} else {
			encode(table, w.data, 8, next, 1)
			encode(table[16:], w.data+8, 9, 0, 0)
		}
		copy(w.at(border-24, 24), table)
		copy(more.Bytes(), table[24:])
		r.chain(link{addr: border - 24, n: 32, flags: fIndirect})
		if n, err := w.device.Take(&w.chains, 8); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if segs := w.chains.Readable(w.chains.At(0)); len(segs) != 2 || len(segs[1]) != 9 {
			t.Errorf("packed %v: the table has %d segments", packed, len(segs))
		}
	}
}

// TestTheLogHasEveryWriteAndNothingElse writes into chains while the guest is being moved, and compares the log with
// what changed in memory.
func TestTheLogHasEveryWriteAndNothingElse(t *testing.T) {
	for _, s := range shapes(64) {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			w.config.Log = mem.NewLog(guestBase + uint64(len(w.memory)))
			w.config.LogRing = true
			w.config.RingLog = guestBase + w.config.Device - userBase
			if s.packed {
				w.config.RingLog = guestBase
			}
			w.device = w.newDevice()
			for i := range 10 {
				// Two pieces to read, one of 100 bytes and one of three pages to write to.
				base := w.data + uint64(i)*0x10000
				w.guest.Add(uint32(i), []driver.Buffer{{Addr: base, Len: 8}, {Addr: base + 0x1000, Len: 8}},
					[]driver.Buffer{{Addr: base + 0x2ff0, Len: 100}, {Addr: base + 0x5000, Len: 0x3000}})
			}
			w.guest.Publish()
			before := bytes.Clone(w.memory)
			n, err := w.device.Take(&w.chains, 64)
			if n != 10 || err != nil {
				t.Fatal(n, err)
			}
			for i := range n {
				c := w.chains.At(i)
				left := 1 + i*1300
				c.Written = uint32(left)
				for _, s := range w.chains.Writable(c) {
					k := min(left, len(s))
					for b := range s[:k] {
						s[b] ^= 0xff
					}
					left -= k
				}
			}
			w.device.Give(&w.chains, n)
			w.device.Publish()
			w.device.Kicks(true)
			for page := 0; page < len(w.memory); page += mem.LogPage {
				changed := !bytes.Equal(before[page:page+mem.LogPage], w.memory[page:page+mem.LogPage])
				logged := w.config.Log.Marked(guestBase + uint64(page))
				// What is in the ring may be written without being changed.
				inRing := page <= int(w.config.Device-userBase)+8*s.driver.Size
				if changed && !logged || logged && !changed && !inRing {
					t.Errorf("page %#x: changed %v, logged %v", page, changed, logged)
				}
			}
		})
	}
}

// TestTheRingMayMoveToAnotherSnapshot adds memory, and goes on with the ring and with buffers in the new memory.
func TestTheRingMayMoveToAnotherSnapshot(t *testing.T) {
	for _, s := range shapes(16) {
		w := newWorld(t, s)
		w.pass(3)
		more, err := mem.Heap(mem.Region{Guest: 1 << 40, User: 1 << 40, Size: 4096})
		if err != nil {
			t.Fatal(err)
		}
		old := w.table
		if w.table, err = old.With(more); err != nil {
			t.Fatal(err)
		}
		w.config.Position = w.device.Position()
		w.device = w.newDevice()
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		w.guest.AddOne(9, driver.Buffer{Addr: 1 << 40, Len: 4096}, true)
		w.guest.Publish()
		w.serve(1)
		w.reap(4)
		if w.done[3].Cookie != 9 {
			t.Errorf("%s: chain %d came back last", s.name, w.done[3].Cookie)
		}
	}
}

func TestAPositionIsWhereToGoOn(t *testing.T) {
	for _, s := range shapes(8) {
		w := newWorld(t, s)
		for round := range 50 {
			n := 1 + round%8
			w.offer(n)
			if got, err := w.device.Take(&w.chains, n); got != n || err != nil {
				t.Fatalf("%s, round %d: %d chains, %v", s.name, round, got, err)
			}
			w.device.Give(&w.chains, n/2) // the others are taken by the next device
			w.device.Publish()
			w.config.Position = w.device.Position()
			w.device = w.newDevice()
			w.serve(n - n/2)
			w.reap(n)
			for i, d := range w.done[:n] {
				if d.Cookie != uint32(i) {
					t.Fatalf("%s, round %d: chain %d in place %d", s.name, round, d.Cookie, i)
				}
			}
			// An older frontend knows the lower half only.
			w.config.Position = w.device.Position() & 0xffff
			w.device = w.newDevice()
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for _, s := range shapes(64) {
		w := flightWorld(t, s)
		two := []driver.Buffer{{Addr: w.data, Len: 8}, {Addr: w.data + 64, Len: 8}}
		if n := testing.AllocsPerRun(100, func() {
			w.guest.Add(7, two, two)
			w.offer(5)
			w.guest.Kick()
			w.device.Kicks(false)
			w.device.Available()
			w.serve(6)
			w.device.Interrupt()
			w.device.Kicks(true)
			w.reap(6)
			w.guest.Calls(true)
		}); n != 0 {
			t.Errorf("%s: %v allocations", s.name, n)
		}
	}
}

package virtq_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// flightWorld is a world whose device writes down what it has taken.
func flightWorld(t testing.TB, s shape) *world {
	w := newWorld(t, s)
	w.config.Inflight = make([]byte, virtq.InflightBytes(s.packed, s.driver.Size))
	w.config.Reads = s.driver.InOrder // then a whole batch goes back by one entry
	w.device = w.newDevice()
	return w
}

// TestAKilledDeviceLosesAndRepeatsNothing kills the device again and again, at any point: every chain comes back
// to the guest once.
func TestAKilledDeviceLosesAndRepeatsNothing(t *testing.T) {
	for _, s := range shapes(32) {
		t.Run(s.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			w := flightWorld(t, s)
			l := &ledger{world: w, random: random}
			for range 3000 {
				switch random.IntN(8) {
				case 0, 1:
					l.add(random.IntN(6))
				case 2, 3:
					l.take(1 + random.IntN(8))
				case 4:
					if w.chains.Len() > 0 {
						w.device.Give(&w.chains, random.IntN(w.chains.Len()+1))
					}
				case 5:
					w.device.Publish()
				case 6:
					l.reap()
				case 7:
					l.kill()
				}
			}
			l.finish()
		})
	}
}

// ledger knows which chains the guest has sent, and in what order they have to come back.
type ledger struct {
	*world
	random     *rand.Rand
	sent, back uint32
}

// add sends n chains of one to three buffers.
func (l *ledger) add(n int) {
	for range n {
		var bufs []driver.Buffer
		for range 1 + l.random.IntN(3) {
			bufs = append(bufs, driver.Buffer{Addr: l.data + uint64(l.sent%64)*64, Len: 8})
		}
		if l.guest.Pending() == l.shape.driver.Size || !l.guest.Add(l.sent, bufs, nil) {
			break
		}
		binary.LittleEndian.PutUint64(l.at(bufs[0].Addr, 8), uint64(l.sent))
		l.sent++
	}
	l.guest.Publish()
}

// take takes chains, which are among those that the guest has sent and not got back, and in order.
func (l *ledger) take(n int) {
	l.t.Helper()
	if l.chains.Len() > 0 {
		return // they would be forgotten
	}
	if _, err := l.device.Take(&l.chains, n); err != nil {
		l.t.Fatal(err)
	}
	for i := range l.chains.Len() {
		v := binary.LittleEndian.Uint64(l.chains.Readable(l.chains.At(i))[0])
		if first := binary.LittleEndian.Uint64(l.chains.Readable(l.chains.At(0))[0]); v != first+uint64(i) {
			l.t.Fatalf("chain %d is taken behind %d", v, first)
		}
		if v < uint64(l.back) || v >= uint64(l.sent) {
			l.t.Fatalf("chain %d is taken; %d to %d are under way", v, l.back, l.sent)
		}
	}
}

// reap checks what came back.
func (l *ledger) reap() {
	l.t.Helper()
	n := l.guest.Reap(l.done[:])
	if err := l.guest.Err(); err != nil {
		l.t.Fatal(err)
	}
	for _, d := range l.done[:n] {
		if d.Cookie != l.back {
			l.t.Fatalf("chain %d comes back, want %d", d.Cookie, l.back)
		}
		l.back++
	}
}

// kill forgets the device and what it has in hand, and sets up another one.
func (l *ledger) kill() {
	l.t.Helper()
	l.chains = virtq.Chains{}
	l.device = l.newDevice()
}

// finish has everything come back that is under way.
func (l *ledger) finish() {
	l.t.Helper()
	l.device.Give(&l.chains, l.chains.Len())
	for range 200 {
		l.take(8)
		l.device.Give(&l.chains, l.chains.Len())
		l.device.Publish()
		l.reap()
	}
	if l.back != l.sent {
		l.t.Errorf("%d chains came back of %d", l.back, l.sent)
	}
	if l.sent < 100 {
		l.t.Errorf("only %d chains were sent: the test has not tested much", l.sent)
	}
}

// TestKilledWhilePublishing has the device killed between two stores of Publish: the ring and the inflight region
// are put together from what they were before and after.
func TestKilledWhilePublishing(t *testing.T) {
	// What was written before the guest sees the batch: chains are in flight still, and so are the old values.
	middle := func(packed bool, before, after []byte) []byte {
		m := append([]byte(nil), after...)
		keep := func(off, n int) { copy(m[off:off+n], before[off:]) }
		header, entry := 16, 16
		if packed {
			header, entry = 32, 32
			keep(18, 2) // old used index
			keep(21, 1) // its wrap counter
		}
		keep(14, 2) // old free entry, or the used index of a split ring
		for off := header; off+entry <= len(m); off += entry {
			keep(off, 1) // in flight
			if packed {
				keep(off+4, 4) // the chain's last entry, and how many it has
			}
		}
		return m
	}
	for _, s := range shapes(32) {
		for _, step := range []string{"before", "behind the first stores", "the ring only", "behind"} {
			t.Run(fmt.Sprint(s.name, "/", step), func(t *testing.T) {
				w := flightWorld(t, s)
				l := &ledger{world: w, random: rand.New(rand.NewPCG(3, 4))}
				for range 300 {
					l.add(4)
					l.take(3)
					w.device.Give(&w.chains, w.chains.Len())
					ring, region := append([]byte(nil), w.memory[:0x4000]...), append([]byte(nil), w.config.Inflight...)
					w.device.Publish()
					switch step {
					case "before":
						copy(w.memory, ring)
						copy(w.config.Inflight, region)
					case "behind the first stores":
						copy(w.memory, ring)
						copy(w.config.Inflight, middle(s.packed, region, w.config.Inflight))
					case "the ring only":
						copy(w.config.Inflight, middle(s.packed, region, w.config.Inflight))
					}
					l.kill()
					l.reap()
					l.take(5) // what was in flight, first of all
					w.device.Give(&w.chains, w.chains.Len())
					w.device.Publish()
					l.reap()
				}
				l.finish()
			})
		}
	}
}

// TestChainsInFlightComeInTheOrderTheyWereTaken has a region that some other device left, which gave chains back in
// another order than it took them.
func TestChainsInFlightComeInTheOrderTheyWereTaken(t *testing.T) {
	for _, packed := range []bool{false, true} {
		w := flightWorld(t, shape{packed: packed, driver: driver.Config{Size: 8}})
		w.offer(5)
		if n, err := w.device.Take(&w.chains, 5); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		// Chains 1 and 3 are done with: the other device wrote so, and forgot about them.
		region, entry, header := w.config.Inflight, 16, 16
		if packed {
			entry, header = 32, 32
		}
		counters := map[int]uint64{0: 9, 1: 0, 2: 4, 3: 0, 4: 7}
		for i, c := range counters {
			e := region[header+i*entry:]
			e[0] = map[bool]byte{false: 0, true: 1}[c != 0]
			binary.LittleEndian.PutUint64(e[8:], c)
		}
		if packed {
			// The free ones: 5, 6, 7 and then 1 and 3. Used descriptors went to 0 and 1.
			next := map[int]uint16{7: 1, 1: 3, 3: 8}
			for i, v := range next {
				binary.LittleEndian.PutUint16(region[header+i*entry+2:], v)
			}
			r := newRaw(w)
			r.desc(0, 0, 0, 1, fAvail|fUsed)
			r.desc(1, 0, 0, 3, fAvail|fUsed)
			for _, off := range []int{16, 18} {
				binary.LittleEndian.PutUint16(region[off:], 2)
			}
		} else {
			used := w.field(w.config.Device, 0)
			used[2], used[4], used[12] = 2, 1, 3
			binary.LittleEndian.PutUint16(region[14:], 2)
		}
		w.device = w.newDevice()
		if n := w.device.Available(); n != 3 {
			t.Errorf("packed %v: %d available, want 3", packed, n)
		}
		w.serve(3)
		var cookies []uint32
		for _, d := range w.done[:w.guest.Reap(w.done[:])] {
			cookies = append(cookies, d.Cookie)
		}
		if fmt.Sprint(cookies) != "[1 3 2 4 0]" {
			t.Errorf("packed %v: chains came back as %v; %v", packed, cookies, w.guest.Err())
		}
		w.offer(3)
		w.serve(3)
		w.reap(3)
	}
}

// TestRegionsThatMakeNoSenseAreRefused has a region whose lists lead elsewhere, share entries, or do not end.
func TestRegionsThatMakeNoSenseAreRefused(t *testing.T) {
	put := func(off int, v uint16) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint16(b[off:], v) }
	}
	entry := func(i, off int) int { return 32 + 32*i + off }
	for _, c := range []struct {
		name   string
		packed bool
		change func([]byte)
		ok     bool
	}{
		{"as it was", false, func([]byte) {}, true},
		{"another version", false, put(8, 2), false},
		{"another number of entries", false, put(10, 16), false},
		{"a last batch that is nowhere", false, func(b []byte) { put(12, 999)(b); put(14, 0xfff0)(b) }, true},
		{"as it was", true, func([]byte) {}, true},
		{"another version", true, put(8, 7), false},
		{"a used index outside the ring", true, put(16, 8), false},
		{"an old used index outside the ring", true, put(18, 100), false},
		{"a free list that loops", true, put(entry(4, 2), 3), false},
		{"a free list that leads elsewhere", true, put(entry(4, 2), 60000), true},
		{"a chain in flight that is free as well", true, func(b []byte) { b[entry(5, 0)] = 1 }, true},
		{"a chain that leads elsewhere", true, func(b []byte) { put(entry(0, 2), 77)(b); put(entry(0, 6), 2)(b) }, false},
		{"a chain that loops", true, func(b []byte) { put(entry(0, 2), 0)(b); put(entry(0, 6), 2)(b) }, false},
		{"a chain longer than the ring", true, put(entry(0, 6), 9), false},
		{"a chain of nothing", true, put(entry(0, 6), 0), true},
		{"two chains that share an entry", true, put(entry(0, 6), 2), false},
	} {
		w := flightWorld(t, shape{packed: c.packed, driver: driver.Config{Size: 8}})
		w.offer(3)
		w.device.Take(&w.chains, 3)
		c.change(w.config.Inflight)
		var err error
		var d device
		if c.packed {
			d, err = virtq.NewPacked(w.table, w.config)
		} else {
			d, err = virtq.NewSplit(w.table, w.config)
		}
		if (err == nil) != c.ok || err != nil && kindOf(err) != virtq.BadInflight {
			t.Errorf("packed %v, %s: %v", c.packed, c.name, err)
		}
		for range 10 { // whatever is in it, the ring works or says that it does not
			if err == nil {
				w.offer(8 - w.guest.Pending())
				d.Take(&w.chains, 8)
				d.Give(&w.chains, w.chains.Len())
				d.Publish()
				w.guest.Reap(w.done[:])
			}
		}
	}
}

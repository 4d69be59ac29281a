package virtq_test

import (
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// A device that is killed after any number of chains, of one descriptor or more, has a successor that nobody can tell
// where it stopped.
func TestAPackedRingTellsWhereTheDeviceWas(t *testing.T) {
	for _, s := range shapes(16) {
		if !s.packed {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			for rounds := range 40 {
				w := newWorld(t, s)
				for round := range rounds {
					w.sendAndReturn(7 * round) // one chain each, of one to three buffers
				}
				want := w.device.Position()
				if !w.succeed() {
					t.Fatalf("after %d chains: the device does not know where the one before was", rounds)
				}
				if got := w.device.Position(); got != want {
					t.Fatalf("after %d chains: the device goes on at %#x, want %#x", rounds, got, want)
				}
				w.sendAndReturn(0)
			}
		})
	}
}

// succeed replaces the device by one that nobody tells where the one before it was. It reports whether the ring did.
func (w *world) succeed() bool {
	w.t.Helper()
	w.config.Position, w.config.Unsure = virtq.PackedStart, true
	d, err := virtq.NewPacked(w.table, w.config)
	if err != nil && kindOf(err) != virtq.RingLost {
		w.t.Fatal(err)
	}
	w.device = d
	return err == nil
}

// A device may be killed at any step, with any chains under way. Its successor does not always find out where that was;
// but it never takes a chain that came back to the driver, or a part of one, and gives nothing back that the driver has not
// lent: the driver would find the ring broken, or see a cookie again.
func TestADeviceThatComesAfterAKilledOneRepeatsNothing(t *testing.T) {
	for _, s := range shapes(16) {
		if !s.packed {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			told, lost := 0, 0
			for seed := range uint64(200) {
				k := &succession{w: newWorldOf(t, s, 1<<20), random: rand.New(rand.NewPCG(seed, 1)), lent: make(map[uint32]bool)}
				if k.run() {
					told++
				} else {
					lost++
				}
			}
			if told < 10 || lost < 10 {
				t.Errorf("%d devices found out where the one before was, %d did not: that shows little", told, lost)
			}
		})
	}
}

// A succession is a ring whose device is killed once, while chains of all lengths come and go.
type succession struct {
	w      *world
	random *rand.Rand
	next   uint32
	lent   map[uint32]bool // cookies that the driver waits for
}

// run reports whether the second device went on where the first one was killed.
func (k *succession) run() (told bool) {
	for range k.random.IntN(40) {
		k.lend()
		k.serve(3)
		k.reap()
	}
	k.lend()
	position, steps := k.w.device.Position(), k.random.IntN(4) // how far it comes
	if k.serve(steps); steps == 3 {
		position = k.w.device.Position() // what was not published the driver has not seen
	}
	k.lend() // while there is no device
	if !k.w.succeed() {
		return false
	}
	if got := k.w.device.Position(); got != position {
		k.w.t.Fatalf("a device goes on at %#x, want %#x", got, position)
	}
	for range 20 {
		k.serve(3)
		k.reap()
		k.lend()
	}
	return true
}

// lend makes some chains available, of one to three buffers that say whose they are.
func (k *succession) lend() {
	for range k.random.IntN(4) {
		cookie := k.next % 64
		if k.lent[cookie] {
			break
		}
		var buffers []driver.Buffer
		for i := range 1 + k.random.IntN(3) {
			addr := k.w.data + uint64(cookie*4096+uint32(i)*64)
			k.w.at(addr, 1)[0] = byte(cookie)
			buffers = append(buffers, driver.Buffer{Addr: addr, Len: 64})
		}
		if !k.w.guest.Add(cookie, buffers, nil) {
			break
		}
		k.lent[cookie] = true
		k.next++
	}
	k.w.guest.Publish()
}

// serve has the device take chains, give some of them back and publish that, or so many of these steps.
func (k *succession) serve(steps int) {
	k.w.t.Helper()
	if steps == 0 {
		return
	}
	n, err := k.w.device.Take(&k.w.chains, 1+k.random.IntN(8))
	if err != nil {
		k.w.t.Fatalf("a device takes what is no chain: %v", err)
	}
	for i := range n {
		for _, b := range k.w.chains.Readable(k.w.chains.At(i)) {
			if !k.lent[uint32(b[0])] {
				k.w.t.Fatalf("a device takes chain %d, which the driver has back", b[0])
			}
		}
	}
	if steps > 1 {
		k.w.device.Give(&k.w.chains, n)
	}
	if steps > 2 {
		k.w.device.Publish()
	}
}

// reap takes back what has come back.
func (k *succession) reap() {
	k.w.t.Helper()
	for _, d := range k.w.done[:k.w.guest.Reap(k.w.done[:])] {
		if !k.lent[d.Cookie] {
			k.w.t.Fatalf("chain %d came back twice", d.Cookie)
		}
		delete(k.lent, d.Cookie)
	}
	if err := k.w.guest.Err(); err != nil {
		k.w.t.Fatal(err)
	}
}

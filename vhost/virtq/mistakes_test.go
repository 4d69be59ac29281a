package virtq_test

import (
	"math"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// mistake is something a guest can do wrong, and what comes of it.
type mistake struct {
	name  string
	links []link
	want  virtq.Kind // 0: it is no mistake
	split bool       // only there is it possible
	pack  bool       // likewise
}

// mistakes are all that a chain can have, in a ring of 16 entries with its buffers from data on.
func mistakes(data uint64) []mistake {
	end := uint64(guestBase + 4<<20) // of memory
	ok := link{addr: data, n: 64}
	next := link{addr: data, n: 64, flags: fNext}
	long := make([]link, 0, virtq.MaxSegments+1)
	for range virtq.MaxSegments + 1 {
		long = append(long, next)
	}
	long[virtq.MaxSegments].flags = 0
	return []mistake{
		{name: "a good chain", links: []link{next, {addr: data + 64, n: 64, flags: fWrite}}},
		{name: "an indirect chain", links: []link{{flags: fIndirect, table: []link{next, ok}}}},
		{name: "the write flag of an indirect descriptor counts for nothing", links: []link{{flags: fIndirect | fWrite, table: []link{ok}}}},
		{name: "a table behind direct descriptors", links: []link{next, {flags: fIndirect, table: []link{ok}}}, split: true},
		{name: "a chain behind a table", links: []link{{flags: fIndirect | fNext, table: []link{ok}}, ok}, want: virtq.IndirectNext},
		{name: "a table in a packed ring's chain", links: []link{next, {flags: fIndirect, table: []link{ok}}}, want: virtq.IndirectNext, pack: true},

		{name: "length zero", links: []link{{addr: data}}, want: virtq.EmptyBuffer},
		{name: "length zero in the middle", links: []link{next, {addr: data, flags: fNext}, ok}, want: virtq.EmptyBuffer},
		{name: "length zero in a table", links: []link{{flags: fIndirect, table: []link{{addr: data}}}}, want: virtq.EmptyBuffer},
		{name: "readable behind writable", links: []link{{addr: data, n: 8, flags: fWrite | fNext}, ok}, want: virtq.BufferOrder},
		{name: "readable behind writable in a table", links: []link{{flags: fIndirect, table: []link{{addr: data, n: 8, flags: fWrite | fNext}, ok}}}, want: virtq.BufferOrder},

		{name: "the last bytes of memory", links: []link{{addr: end - 8, n: 8}}},
		{name: "one byte beyond memory", links: []link{{addr: end - 8, n: 9}}, want: virtq.BufferOutside},
		{name: "before memory", links: []link{{addr: guestBase - 1, n: 8}}, want: virtq.BufferOutside},
		{name: "nowhere", links: []link{{addr: 1 << 60, n: 8}}, want: virtq.BufferOutside},
		{name: "an address that wraps around", links: []link{{addr: math.MaxUint64, n: 2}}, want: virtq.BufferOutside},
		{name: "a length that reaches around", links: []link{{addr: data, n: math.MaxUint32}}, want: virtq.BufferOutside},
		{name: "the frontend's address", links: []link{{addr: userBase, n: 8}}, want: virtq.BufferOutside},
		{name: "writable, outside", links: []link{next, {addr: end, n: 8, flags: fWrite}}, want: virtq.BufferOutside},

		{name: "next out of the table", links: []link{{addr: data, n: 8, flags: fNext, next: 16}}, want: virtq.NextRange, split: true},
		{name: "next far out of the table", links: []link{{addr: data, n: 8, flags: fNext, next: math.MaxUint16}}, want: virtq.NextRange, split: true},
		{name: "a loop of two", links: []link{next, {addr: data, n: 8, flags: fNext, next: math.MaxUint16 + 1}}, want: virtq.ChainLoop, split: true},
		{name: "a loop in a table", links: []link{{flags: fIndirect, table: []link{next, {addr: data, n: 8, flags: fNext, next: 1}}}}, want: virtq.ChainLoop, split: true},
		{name: "next out of an indirect table", links: []link{{flags: fIndirect, table: []link{{addr: data, n: 8, flags: fNext, next: 1}}}}, want: virtq.NextRange, split: true},
		{name: "a chain into what is not available", links: []link{next, next}, want: virtq.ChainOpen, pack: true},
		{name: "a chain around the whole ring", links: repeat(next, 16), want: virtq.ChainLoop, pack: true},
		{name: "an id that the ring does not have", links: []link{{addr: data, n: 8, next: 16}}, want: virtq.IDRange, pack: true},
		{name: "the highest id", links: []link{{addr: data, n: 8, next: math.MaxUint16}}, want: virtq.IDRange, pack: true},

		{name: "a table in a table", links: []link{{flags: fIndirect, table: []link{{addr: data, n: 16, flags: fIndirect}}}}, want: virtq.IndirectNested, split: true},
		{name: "reserved flags of a table's descriptor count for nothing", links: []link{{flags: fIndirect, table: []link{{addr: data, n: 16, flags: fIndirect | fNext | fAvail}}}}, pack: true},
		{name: "an empty table", links: []link{{addr: data, flags: fIndirect}}, want: virtq.IndirectSize},
		{name: "half a descriptor", links: []link{{flags: fIndirect, n: 8, table: []link{ok}}}, want: virtq.IndirectSize},
		{name: "a descriptor and a half", links: []link{{flags: fIndirect, n: 24, table: []link{ok}}}, want: virtq.IndirectSize},
		{name: "a table outside memory", links: []link{{addr: 1 << 50, n: 16, flags: fIndirect}}, want: virtq.IndirectOutside},
		{name: "a table that ends outside memory", links: []link{{addr: end - 16, n: 32, flags: fIndirect, table: []link{next}}}, want: virtq.IndirectOutside},
		{name: "a table at the end of addresses", links: []link{{addr: math.MaxUint64 - 15, n: 32, flags: fIndirect}}, want: virtq.IndirectOutside},
		{name: "a table of 4 GiB", links: []link{{addr: data, n: 0xffff_fff0, flags: fIndirect}}, want: virtq.EmptyBuffer},
		{name: "more pieces than are taken", links: []link{{flags: fIndirect, table: long}}, want: virtq.TooManySegments},
		{name: "as many pieces as are taken", links: []link{{flags: fIndirect, table: append(repeat(next, virtq.MaxSegments-1), ok)}}},
	}
}

func repeat(l link, n int) []link {
	all := make([]link, n)
	for i := range all {
		all[i] = l
	}
	return all
}

func TestEachMistakeHasItsName(t *testing.T) {
	for _, packed := range []bool{false, true} {
		name := map[bool]string{false: "split", true: "packed"}[packed]
		t.Run(name, func(t *testing.T) {
			for _, m := range mistakes(newWorld(t, shape{packed: packed, driver: driver.Config{Size: 16}}).data) {
				if m.split && packed || m.pack && !packed {
					continue
				}
				w := newWorld(t, shape{packed: packed, driver: driver.Config{Size: 16}})
				w.config.Indirect = true
				w.device = w.newDevice()
				r := newRaw(w)
				r.chain(m.links...)
				n, err := w.device.Take(&w.chains, 8)
				if kindOf(err) != m.want || (err == nil) != (m.want == 0) {
					t.Errorf("%s: %d chains, error %v; want %v", m.name, n, err, m.want)
				}
				if err != nil {
					w.isDead(m.name)
				}
			}
		})
	}
}

// isDead checks that a queue whose guest broke a rule does nothing any more.
func (w *world) isDead(name string) {
	w.t.Helper()
	first := w.device.Err()
	before := string(w.memory)
	n, err := w.device.Take(&w.chains, 8)
	w.device.Give(&w.chains, n)
	w.device.Publish()
	if n != 0 || err != first || w.chains.Len() != 0 || w.device.Interrupt() || w.device.Kicks(true) || w.device.Available() != 0 {
		w.t.Errorf("%s: the queue goes on, with %d chains, %v", name, n, err)
	}
	if string(w.memory) != before {
		w.t.Errorf("%s: a dead queue wrote to memory", name)
	}
}

func TestIndirectTablesMustBeNegotiated(t *testing.T) {
	for _, packed := range []bool{false, true} {
		w := newWorld(t, shape{packed: packed, driver: driver.Config{Size: 16}})
		newRaw(w).chain(link{flags: fIndirect, table: []link{{addr: w.data, n: 8}}})
		if _, err := w.device.Take(&w.chains, 8); kindOf(err) != virtq.IndirectRefused {
			t.Errorf("packed %v: %v", packed, err)
		}
	}
}

func TestAHeadMustBeInTheTable(t *testing.T) {
	w := newWorld(t, shape{driver: driver.Config{Size: 16}})
	newRaw(w).head(16)
	if _, err := w.device.Take(&w.chains, 8); kindOf(err) != virtq.HeadRange {
		t.Error(err)
	}
}

func TestTheAvailableIndexMustNotJump(t *testing.T) {
	for _, c := range []struct {
		name  string
		index uint16
		want  virtq.Kind
	}{
		{"nothing", 0, 0},
		{"all there is", 16, 0},
		{"one more than the ring has", 17, virtq.IndexJump},
		{"far ahead", 30000, virtq.IndexJump},
		{"backwards", math.MaxUint16, virtq.IndexJump},
	} {
		w := newWorld(t, shape{driver: driver.Config{Size: 16}})
		r := newRaw(w)
		for i := range 16 {
			r.desc(i, w.data, 8, 0, 0)
		}
		r.index(c.index)
		if n := w.device.Available(); n > 16 {
			t.Errorf("%s: %d chains available", c.name, n)
		}
		n, err := w.device.Take(&w.chains, 32)
		if kindOf(err) != c.want || c.want == 0 && n != int(c.index) {
			t.Errorf("%s: %d chains, %v", c.name, n, err)
		}
	}
}

// TestNoMoreThanTheRingHasIsUnderWay has the guest make chains available anew that it was not shown as used.
func TestNoMoreThanTheRingHasIsUnderWay(t *testing.T) {
	w := newWorld(t, shape{driver: driver.Config{Size: 16}})
	r := newRaw(w)
	for i := range 16 {
		r.desc(i, w.data, 8, 0, 0)
	}
	r.index(16)
	n, err := w.device.Take(&w.chains, 32)
	if n != 16 || err != nil {
		t.Fatal(n, err)
	}
	w.device.Give(&w.chains, n) // not published
	r.index(20)
	if _, err := w.device.Take(&w.chains, 32); kindOf(err) != virtq.IndexJump {
		t.Error(err)
	}
}

// TestAChainOf4GiBIsRefused names the same memory many times: more bytes than a length can say.
func TestAChainOf4GiBIsRefused(t *testing.T) {
	for _, packed := range []bool{false, true} {
		w := newWorld(t, shape{packed: packed, driver: driver.Config{Size: 2048}})
		r := newRaw(w)
		r.chain(append(repeat(link{addr: guestBase, n: 4 << 20, flags: fNext}, 1023), link{addr: guestBase, n: 4 << 20})...)
		if _, err := w.device.Take(&w.chains, 8); kindOf(err) != virtq.TooManyBytes {
			t.Errorf("packed %v: %v", packed, err)
		}
	}
}

// TestALongChainBehindOthersWaitsForTheNextTake has no room for its pieces in the batch of those before it.
func TestALongChainBehindOthersWaitsForTheNextTake(t *testing.T) {
	for _, packed := range []bool{false, true} {
		w := newWorld(t, shape{packed: packed, driver: driver.Config{Size: 2048}})
		one := []driver.Buffer{{Addr: w.data, Len: 8}}
		var many []driver.Buffer
		for range virtq.MaxSegments {
			many = append(many, one[0])
		}
		w.guest.Add(1, one, nil)
		w.guest.Add(2, many, nil)
		w.guest.Add(3, one, nil)
		w.guest.Publish()
		for i, want := range []int{1, 1, 1} {
			n, err := w.device.Take(&w.chains, 8)
			if n != want || err != nil {
				t.Errorf("packed %v, take %d: %d chains, %v; want %d", packed, i, n, err, want)
			}
			w.device.Give(&w.chains, n)
			w.device.Publish()
		}
		var done [4]driver.Done
		if n := w.guest.Reap(done[:]); n != 3 || done[0].Cookie != 1 || done[1].Cookie != 2 || done[2].Cookie != 3 {
			t.Errorf("packed %v: %d came back, %v", packed, n, done)
		}
	}
}

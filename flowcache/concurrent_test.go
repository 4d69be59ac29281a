package flowcache

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// A world is what the concurrent test's writer and workers share: keys that are numbers, and for each
// the state the writer last put it in. Actions of key n are the list {n, n, ...}: whoever runs them
// can tell whose they are and whether they are whole.
type world struct {
	m     *Megaflow
	flows int
	state []atomic.Uint32 // by key: stateX, and above it how often it changed
	stop  atomic.Bool
}

// set moves key n on. Only the writer does.
func (w *world) set(n int, state uint32) {
	w.state[n].Store((w.state[n].Load()>>2+1)<<2 | state)
}

// States of a key. Workers look before and after a look-up: if nothing changed, the answer is known.
const (
	stateUnsure = iota // being inserted or removed
	stateIn            // in the cache
	stateOut           // removed, and Synchronize returned
)

// worldKey returns key n. Masks differ from key to key, so that masks come and go as well.
func worldKey(n int) (flow.Key, flow.Mask) {
	k := newKey(uint32(n%3), 1|uint8(n&1)<<flow.Net6)
	binary.BigEndian.PutUint32(k[flow.Base][flow.OffIPDst:], uint32(n))
	if n&1 != 0 {
		k[flow.Net6][n%16] = byte(n)
	}
	var mask flow.Mask
	exact(&mask, flow.OffIPDst, 4)
	mask[flow.Base][flow.OffEthDst] = byte(n % 5)
	if n%7 == 0 {
		mask[flow.Net6][n%16] = 0xff
	}
	return k, mask
}

// TestReadersBesideTheWriter runs workers against a writer that inserts, updates and removes without
// pause in a cache too small for it, so that slots, masks and lists are used again all the time. Under
// the race detector it also shows that nothing is reused that someone may still read.
func TestReadersBesideTheWriter(t *testing.T) {
	const keys, workers = 200, 3
	w := &world{
		m:     mustNew(t, Options{Flows: 120, MasksPerPort: 4, Lists: NewLists(2000)}),
		flows: keys,
		state: make([]atomic.Uint32, keys),
	}
	for n := range w.state {
		w.set(n, stateOut)
	}
	var wg sync.WaitGroup
	errs := make(chan error, workers+1)
	for i := range workers {
		wg.Go(func() { errs <- w.work(uint64(i)) })
	}
	time.AfterFunc(time.Second, func() { w.stop.Store(true) })
	errs <- w.write()
	w.stop.Store(true)
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

// write is the writer: it fills the cache, replaces actions, removes, and waits for grace at times.
func (w *world) write() error {
	r := rand.New(rand.NewPCG(7, 8))
	live := map[int]Slot{}
	for !w.stop.Load() {
		n := r.IntN(w.flows)
		s, in := live[n]
		switch {
		case in && r.UintN(4) == 0:
			id, err := w.m.Lists().Intern(program(n, r))
			if err != nil {
				continue // full until the workers tick
			}
			w.m.Update(s, id, 0, 0, 0, 0)
		case in:
			w.set(n, stateUnsure)
			w.m.Remove(s)
			delete(live, n)
			if r.UintN(3) == 0 {
				w.m.Synchronize()
				w.set(n, stateOut)
			}
			w.m.Reclaim()
		default:
			s, err := w.enter(n, r)
			if err != nil {
				w.m.Reclaim()
				runtime.Gosched()
				continue
			}
			live[n] = s
		}
		if r.UintN(64) == 0 {
			w.m.SortMasks()
		}
	}
	if w.m.Len() != len(live) {
		return fmt.Errorf("Len() = %d, want %d", w.m.Len(), len(live))
	}
	return nil
}

// enter inserts key n.
func (w *world) enter(n int, r *rand.Rand) (Slot, error) {
	id, err := w.m.Lists().Intern(program(n, r))
	if err != nil {
		return 0, err
	}
	key, mask := worldKey(n)
	w.set(n, stateUnsure)
	s, err := w.m.Insert(&Flow{Key: key, Mask: mask, Actions: id})
	if err != nil {
		w.m.Lists().Release(id)
		return 0, err
	}
	w.set(n, stateIn)
	return s, nil
}

// program returns actions of key n, of some length.
func program(n int, r *rand.Rand) []uint64 {
	words := make([]uint64, 1+r.IntN(12))
	for i := range words {
		words[i] = uint64(n)
	}
	return words
}

// work is one worker: batches of random keys through both caches, sleeping and leaving at times.
func (w *world) work(seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 9))
	reader := w.m.NewReader()
	defer func() { reader.Close() }()
	emc := NewEMC(64, 1, w.m)
	k := new(flow.Keys)
	for !w.stop.Load() {
		if err := w.batch(r, reader, emc, k); err != nil {
			return err
		}
		switch reader.Tick(); r.UintN(200) {
		case 0:
			reader.Offline()
			time.Sleep(100 * time.Microsecond)
			reader.Online()
		case 1:
			reader.Close()
			reader = w.m.NewReader()
		}
	}
	return nil
}

func (w *world) batch(r *rand.Rand, reader *Reader, emc *EMC, k *flow.Keys) error {
	var (
		number [frame.MaxBatch]int
		before [frame.MaxBatch]uint32
		keys   [frame.MaxBatch]flow.Key
		slots  [frame.MaxBatch]Slot
		idx    [frame.MaxBatch]uint16
	)
	for i := range keys {
		number[i] = r.IntN(w.flows)
		keys[i], _ = worldKey(number[i])
	}
	setKeys(k, keys[:]...)
	for i := range keys {
		before[i] = w.state[number[i]].Load()
	}
	reader.Lookup(k, emc.Lookup(k, 0, &slots, idx[:]), &slots)
	for i, s := range slots {
		n := number[i]
		steady := w.state[n].Load() == before[i]
		switch {
		case s == 0 && steady && before[i]&3 == stateIn:
			return fmt.Errorf("key %d is in the cache and was not found", n)
		case s == 0:
			continue
		case steady && before[i]&3 == stateOut:
			return fmt.Errorf("key %d was found after Synchronize", n)
		}
		words := w.m.Lists().Get(reader.Actions(s))
		if len(words) < 1 || len(words) > 12 {
			return fmt.Errorf("key %d: actions are %v", n, words)
		}
		for _, word := range words {
			if word != uint64(n) {
				return fmt.Errorf("key %d got actions %v", n, words)
			}
		}
		reader.Credit(s, 1, 60, 1)
		emc.Insert(k, i, s)
	}
	return nil
}

// TestWhoSeesAPacketSeesItsBytesAndTime: a flow's counts are read while a worker counts packets of 60 bytes, a
// nanosecond apart.
func TestWhoSeesAPacketSeesItsBytesAndTime(t *testing.T) {
	m := mustNew(t, Options{Flows: 16})
	s, err := m.Insert(&Flow{Key: newKey(1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := m.NewReader()
	defer r.Close()
	const packets = 200_000
	var worker sync.WaitGroup
	worker.Go(func() {
		for i := range int64(packets) {
			r.Credit(s, 1, 60, i+1)
		}
	})
	defer worker.Wait()
	for seen := uint64(0); seen < packets; {
		st := m.Stats(s)
		if st.Bytes < 60*st.Packets || st.LastUsed < int64(st.Packets) {
			t.Fatalf("%d packets with %d bytes, the last at %d ns", st.Packets, st.Bytes, st.LastUsed)
		}
		if seen = st.Packets; seen == 0 {
			runtime.Gosched()
		}
	}
}

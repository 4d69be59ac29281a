package datapath

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// Somebody else puts a flow into the cache, or takes it out, while a batch of its packets is looked up: some of them are
// found, and some are not.
func TestPacketsKeepTheirOrderWhileTheirFlowEntersAndLeavesTheCache(t *testing.T) {
	for _, emcInsert := range []int{-1, 1} {
		t.Run(fmt.Sprint("one in ", emcInsert), func(t *testing.T) {
			var mask flow.Mask
			mask.SetExact(flow.FieldIPSrc)
			r := newRig(t, &byPort{mask: mask}, emcInsert)
			r.out.keep = true
			r.cycle(testPacket, 1)
			for r.w.waiting.Len() > 0 {
				r.w.Flush(r.now)
			}
			f, stop, stopped := flowcache.Flow{}, make(chan struct{}), make(chan struct{})
			slots := func() []flowcache.Slot { return slices.Collect(r.sw.flows.All) }
			refer := func() { r.sw.lists.Retain(f.Actions); r.sw.lists.Retain(f.Trail) }
			r.sw.slow.Locked(func() { r.sw.flows.Flow(slots()[0], &f); refer() })
			go func() {
				defer close(stopped)
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					r.sw.slow.Locked(func() { // the thread, too, waits meanwhile
						for _, slot := range slots() {
							r.sw.flows.Remove(slot)
						}
						for start, wait := r.w.clock(), int64(i%128)*200; r.w.clock()-start < wait; {
						}
						refer()
						if _, err := r.sw.flows.Insert(&f); err != nil {
							t.Error(err)
						}
					})
				}
			}()
			defer func() { close(stop); <-stopped }()
			sent, left := uint32(0), uint32(0)
			for end := time.Now().Add(time.Second); time.Now().Before(end); {
				r.out.got = r.out.got[:0]
				r.gen.Fill(&r.batch, frame.MaxBatch)
				for i := range r.batch.Frames() {
					p := &r.batch.Frames()[i]
					r.gen.Pool().SetLen(p, len(testPacket))
					b := r.gen.Pool().Bytes(*p)
					copy(b, testPacket)
					binary.BigEndian.PutUint32(b[len(b)-4:], sent)
					sent++
				}
				r.w.Process(1, &r.batch)
				for r.w.Flush(r.now); r.w.waiting.Len() > 0; {
					r.w.Flush(r.now)
				}
				for _, b := range r.out.got {
					if n := binary.BigEndian.Uint32(b[len(b)-4:]); n != left {
						t.Fatalf("packet %d left as number %d", n, left)
					}
					left++
				}
			}
			if left != sent {
				t.Errorf("%d of %d packets have left", left, sent)
			}
		})
	}
}

func TestPacketsBehindOneOfTheirFlowThatWasNotFoundAreNotFoundEither(t *testing.T) {
	for _, c := range []struct {
		name        string
		flows       string // of each packet
		found, want string // one letter for each packet: x is found
	}{
		{"all are found", "aabb", "xxxx", "xxxx"},
		{"none is", "aabb", "----", "----"},
		{"those before it go on", "aaaa", "xx-x", "xx--"},
		{"those of others go on", "abab", "-xxx", "-x-x"},
		{"two flows at once", "abcabc", "--xxxx", "--x--x"},
	} {
		w := &pipeline{}
		var missed, found uint64
		for i := range c.flows {
			w.keys.Hash[i] = uint64(c.flows[i]) << 50
			if c.found[i] == 'x' {
				found |= 1 << i
			} else {
				missed |= 1 << i
			}
		}
		left := found &^ w.behindMissed(missed, found)
		got := make([]byte, len(c.flows))
		for i := range got {
			got[i] = "-x"[left>>i&1]
		}
		if string(got) != c.want {
			t.Errorf("%s: found %s, want %s", c.name, got, c.want)
		}
	}
}

package datapath_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/faulty"
	"github.com/culvertdev/culvert/pmd/memport"
)

// TestOrderUnderLoadFaultsAndChangingRules: four ports send flows of their own to all others over two
// workers, the rules change all the time, and the ports lose, stall, cut batches short, flap and run out
// of buffers. Whatever arrives of a flow at a port arrives in order, and nothing leaks.
func TestOrderUnderLoadFaultsAndChangingRules(t *testing.T) {
	faults := map[string]faulty.Faults{
		"no faults": {},
		"lossy ports": {
			Rx: faulty.Direction{Drop: 0.01}, Tx: faulty.Direction{Drop: 0.01}, TxPartial: 0.02,
		},
		"ports that stall and flap, and an arena that runs dry": {
			Stall: 0.002, StallCalls: 20, Flap: 0.001, FlapCalls: 20, Exhaust: 0.0005, ExhaustCalls: 20,
		},
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) { stress(t, f, true) })
	}
}

// TestNothingLeaksWhenPacketsAreMangled is the same with packets changed, cut, doubled and reordered, so
// that no order is left to check.
func TestNothingLeaksWhenPacketsAreMangled(t *testing.T) {
	d := faulty.Direction{Drop: 0.01, Truncate: 0.05, Corrupt: 0.1, Duplicate: 0.05, Reorder: 0.05}
	stress(t, faulty.Faults{Rx: d, Tx: d, TxPartial: 0.01, Stall: 0.001, Exhaust: 0.0005, ExhaustCalls: 20}, false)
}

func stress(t *testing.T, faults faulty.Faults, ordered bool) {
	const ports, perPort, packets = 4, 12, 300
	edition := func(e uint64) func(*rules.Query, *rules.Verdict) error {
		return func(q *rules.Query, v *rules.Verdict) error {
			in, f := q.Key.Uint(flow.FieldInPort), q.Key.Uint(flow.FieldUDPSrc)
			v.Mask.SetExact(flow.FieldUDPSrc)
			v.Trail = append(v.Trail, f)
			v.NoCache = (f+e)%7 == 0
			// Which flows go round does not change: packets that wait for their second look-up are
			// overtaken, in any switch, when new rules send later ones a shorter way.
			if q.Key.Uint(flow.FieldRecircID) == 0 && f%5 == 0 {
				v.Actions.Recirc(uint32(1 + f%3))
				return nil
			}
			for out := uint64(1); out <= ports; out++ {
				if out != in && ((f+e)%3 == 0 || out == in%ports+1) {
					v.Actions.Output(uint32(out))
				}
			}
			return nil
		}
	}
	table := newScript(t, 1, edition(0))
	o := twoWorkers
	o.Workers.Latency = time.Second
	o.SlowPath = datapath.SlowPath{QueueLength: 64, Held: 256, MaxIdle: 10 * time.Millisecond, Revalidate: 2 * time.Millisecond}
	o.Cache = datapath.CacheConfig{Flows: 64, EMCInsert: 2}
	l := newLab(t, o, table)
	for i := range ports {
		l.addDevice(fmt.Sprint("p", i), memport.Options{Queues: 1 + i%2}, func(dev pmd.Port) pmd.Port {
			f := faults
			f.Seed = uint64(i)
			p, err := faulty.Wrap(dev, l.pool, f)
			if err != nil {
				t.Fatal(err)
			}
			return p
		})
	}
	var stop atomic.Bool
	var senders, receivers sync.WaitGroup
	for i := range ports {
		peer := l.peers[fmt.Sprint("p", i)]
		senders.Go(func() { // sends, and receives on queue 0, which shares its stock of buffers
			seen := order{}
			look := func() {
				for _, p := range peer.RecvBytes() {
					if ordered {
						seen.check(t, p)
					}
				}
			}
			for n := range packets {
				for f := range perPort {
					peer.SendBytes(numbered(t, uint16(100*i+f), n))
				}
				look()
				time.Sleep(100 * time.Microsecond)
			}
			for !stop.Load() {
				look()
				time.Sleep(100 * time.Microsecond)
			}
		})
		for _, q := range peer.Queues()[1:] {
			receivers.Go(func() {
				seen := order{}
				for !stop.Load() {
					for _, p := range q.RecvBytes() {
						if ordered {
							seen.check(t, p)
						}
					}
					time.Sleep(100 * time.Microsecond)
				}
			})
		}
	}
	for e := range uint64(60) {
		table.change(rules.ChangeSet{All: true}, edition(e))
		l.sw.Sync()
		time.Sleep(time.Millisecond)
	}
	l.balanced()
	time.Sleep(20 * time.Millisecond)
	stop.Store(true)
	senders.Wait()
	receivers.Wait()
}

package datapath_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/memport"
)

// A moveLog counts queues that have not waited until all that came before had left.
type moveLog struct {
	slog.Handler
	hasty atomic.Int64
}

func (l *moveLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (l *moveLog) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "overtaken") {
		l.hasty.Add(1)
	}
	return nil
}

func (l *moveLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// TestAFlowKeepsItsOrderWhenItsQueueChangesWorkers: a port's only queue goes round three workers, one of which has the transmit queue
// all packets leave by, while flows begin and go on. Some packets are with the slow path whenever it goes.
func TestAFlowKeepsItsOrderWhenItsQueueChangesWorkers(t *testing.T) {
	const workers, moves, perFlow, longest = 3, 40, 8, 5 * time.Second
	log := new(moveLog)
	o := datapath.Options{Workers: datapath.WorkersConfig{Count: workers, Latency: time.Second, Rebalance: -1}, Log: slog.New(log)}
	l := newLab(t, o, newScript(t, 1, func(_ *rules.Query, v *rules.Verdict) error {
		for start := time.Now(); time.Since(start) < 100*time.Microsecond; {
		}
		v.Mask.SetExact(flow.FieldUDPSrc)
		v.Actions.Output(2)
		return nil
	}), "a", "b")
	packets := make([][]byte, 1<<16)
	for f := range packets {
		packets[f] = numbered(t, uint16(f), 0)
	}
	var stop atomic.Bool
	var peers sync.WaitGroup
	peers.Go(func() {
		for step := 0; step < len(packets)+perFlow && !stop.Load(); step++ {
			for n := range perFlow { // of the newest flow the first packet, of the one before the second, and so on
				if f := step - n; f >= 0 && f < len(packets) {
					binary.BigEndian.PutUint32(packets[f][len(packets[f])-4:], uint32(n))
					l.peers["a"].SendBytes(packets[f])
				}
			}
			time.Sleep(200 * time.Microsecond)
		}
	})
	var got, late atomic.Int64
	peers.Go(func() {
		last := make(map[uint16]int)
		for !stop.Load() {
			for _, p := range l.peers["b"].RecvBytes() {
				f, n := binary.BigEndian.Uint16(p[34:]), int(binary.BigEndian.Uint32(p[len(p)-4:]))
				if before, ok := last[f]; ok && n <= before {
					late.Add(1)
				}
				last[f] = n
				got.Add(1)
			}
			time.Sleep(50 * time.Microsecond)
		}
	})
	begun := time.Now()
	for i := 0; i < moves && time.Since(begun) < longest; i++ {
		others := map[int]int{0: i % workers, 1: (i + 1) % workers} // two workers taken by another port's queues leave one
		dev, err := memport.Open("pins", memport.Options{Pool: l.pool, Queues: 2})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.sw.AddDevice("br0", datapath.PortConfig{Name: "pins", Pins: others}, dev); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if err := l.sw.DelPort("pins"); err != nil {
			t.Fatal(err)
		}
		if err := dev.Peer().Close(); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	peers.Wait()
	t.Logf("%d packets, %d overtaken, %d moves that did not wait, in %v", got.Load(), late.Load(), log.hasty.Load(), time.Since(begun))
	if late.Load() > 0 && log.hasty.Load() == 0 {
		t.Errorf("%d packets were overtaken", late.Load())
	}
	if got.Load() == 0 {
		t.Error("no packet came through")
	}
}

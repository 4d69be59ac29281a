package datapath_test

import (
	"bytes"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// recircUntil sends packets round under ids 1, 2, … n, then out of port 2.
func recircUntil(n uint64, cached bool) func(*rules.Query, *rules.Verdict) error {
	return func(q *rules.Query, v *rules.Verdict) error {
		v.NoCache = !cached
		v.Mask.SetExact(flow.FieldUDPSrc)
		if id := q.Key.Uint(flow.FieldRecircID); id < n {
			v.Actions.Recirc(uint32(id) + 1)
			return nil
		}
		v.Actions.Output(2)
		return nil
	}
}

func TestAPacketIsTakenUpAgainAtMostEightTimes(t *testing.T) {
	for name, cached := range map[string]bool{"by cached flows": true, "by the slow path each time": false} {
		t.Run(name, func(t *testing.T) {
			t.Run("eight times is allowed", func(t *testing.T) {
				l := newLab(t, datapath.Options{}, newScript(t, 1, recircUntil(8, cached)), "a", "b")
				want := udp(t, 1, 2, 7, 20)
				for range 3 {
					l.send("a", want)
					if got := l.receive("b", 1)[0]; !bytes.Equal(got, want) {
						t.Errorf("\n got % x\nwant % x", got, want)
					}
				}
				l.waitFor("recirculated", events, 3*8)
			})
			t.Run("a ninth is not", func(t *testing.T) {
				l := newLab(t, datapath.Options{}, newScript(t, 1, recircUntil(9, cached)), "a", "b")
				for n := range uint64(3) {
					l.send("a", udp(t, 1, 2, 7, 20))
					l.waitFor("recirc_depth", drops, n+1)
				}
				l.silent("b")
			})
			t.Run("a table that goes round for ever stops", func(t *testing.T) {
				same := func(_ *rules.Query, v *rules.Verdict) error {
					v.NoCache = !cached
					v.Actions.Recirc(1)
					return nil
				}
				l := newLab(t, datapath.Options{}, newScript(t, 1, same), "a", "b")
				for range 100 {
					l.send("a", udp(t, 1, 2, 7, 20))
				}
				l.waitFor("recirc_depth", drops, 100)
			})
		})
	}
}

func TestPacketsOfOneBatchGoRoundUnderDifferentIDs(t *testing.T) {
	// Each flow has an id of its own; ids of odd flows miss every time.
	table := newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
		v.Mask.SetExact(flow.FieldUDPSrc)
		port := uint32(q.Key.Uint(flow.FieldUDPSrc))
		if id := q.Key.Uint(flow.FieldRecircID); id == 0 {
			v.Actions.Recirc(100 + port)
		} else if uint32(id) != 100+port {
			v.Actions.Output(3)
		} else {
			v.NoCache = port%2 == 1
			v.Actions.Output(2)
		}
		return nil
	})
	l := newLab(t, datapath.Options{}, table, "a", "b", "wrong")
	const flows, rounds = 16, 40
	for i := range rounds {
		var packets [][]byte
		for f := range flows {
			p := udp(t, 1, 2, uint16(f), 1)
			p[len(p)-1] = byte(i)
			packets = append(packets, p)
		}
		l.send("a", packets...)
	}
	var next [flows]byte
	for _, p := range l.receive("b", flows*rounds) {
		f := p[35]
		if got := p[len(p)-1]; got != next[f] {
			t.Fatalf("flow %d: packet %d came when %d was due", f, got, next[f])
		}
		next[f]++
	}
	l.silent("wrong")
	l.waitFor("recirculated", events, flows*rounds)
	l.sw.Sync()
	if got := table.total().packets; got != 2*flows*rounds {
		t.Errorf("%d packets credited, want %d: one for each pass", got, 2*flows*rounds)
	}
}

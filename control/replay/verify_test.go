package replay

import (
	"context"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
)

// A liar sends packets out of port 1 or 2 by their UDP destination port, and out of 2 once it has changed its mind. It
// does not always say what it looked at, or that it has changed.
type liar struct {
	honest  bool
	changed bool
}

func (l *liar) Lookup(q *rules.Query, v *rules.Verdict) error {
	if l.honest {
		v.Mask.SetExact(flow.FieldUDPDst)
	}
	out := uint32(1)
	if l.changed || q.Key.Uint(flow.FieldUDPDst)&1 != 0 {
		out = 2
	}
	v.Actions.Output(out)
	return nil
}

func (*liar) Changes(uint64, *rules.ChangeSet) uint64 { return 1 }
func (*liar) Credit(_ []uint64, _, _ uint64, _ int64) {}

// verified is a stepped switch over a table, with a verifier.
func verified(t *testing.T, table rules.Table) *replayer {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 256, Huge: frame.HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	r := &replayer{names: portNames{"", "a", "b"}}
	seed := flow.FixedSeed(1)
	sw, err := datapath.NewStepper(datapath.Options{
		Pool: pool, Seed: &seed, Clock: cpu.NewManualClock(func() int64 { return start }), Cache: datapath.CacheConfig{EMCInsert: 1},
	}, func(p *datapath.Pass) { r.verify.see(p) })
	if err != nil {
		t.Fatal(err)
	}
	if r.verify, err = newVerifier(sw, r.names); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.verify.close(); err != nil {
			t.Error(err)
		}
		if err := sw.Close(); err != nil {
			t.Error(err)
		}
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := sw.Apply(context.Background(), datapath.Config{Bridges: []datapath.BridgeConfig{{Name: "br0", Table: table}}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range r.names[1:] {
		if err := sw.AddDevice("br0", datapath.PortConfig{Name: name}, newPort(t, name, pool, r.verify.sent)); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// one sends a packet and returns what was wrong with it.
func (r *replayer) one(t *testing.T, packet []byte) (what []string) {
	t.Helper()
	r.verify.begin()
	if err := r.verify.sw.Send(1, packet); err != nil {
		t.Fatal(err)
	}
	for _, v := range r.verify.check() {
		what = append(what, v.What)
		if v.Cached == v.Fresh || v.Key == "" {
			t.Errorf("a violation that says nothing: %+v", v)
		}
	}
	return what
}

func wants(t *testing.T, what []string, part string) {
	t.Helper()
	if len(what) == 0 && part == "" {
		return
	}
	if len(what) == 0 || part == "" || !strings.Contains(strings.Join(what, "; "), part) {
		t.Errorf("got %q, want one with %q", what, part)
	}
}

func TestLiesAreFound(t *testing.T) {
	t.Run("an honest table has nothing to fear", func(t *testing.T) {
		r := verified(t, &liar{honest: true})
		for range 3 {
			wants(t, r.one(t, udp(t, 1, 2, 7, 80)), "")
			wants(t, r.one(t, udp(t, 1, 2, 7, 81)), "")
		}
	})
	t.Run("a bit that was looked at and not named, by another packet", func(t *testing.T) {
		r := verified(t, &liar{})
		wants(t, r.one(t, udp(t, 1, 2, 7, 80)), "all packets that a megaflow covers")
		wants(t, r.one(t, udp(t, 1, 2, 7, 81)), "a cache has to answer as the rules do")
	})
	t.Run("a change that nobody was told of", func(t *testing.T) {
		table := &liar{honest: true}
		r := verified(t, table)
		wants(t, r.one(t, udp(t, 1, 2, 7, 80)), "")
		table.changed = true
		wants(t, r.one(t, udp(t, 1, 2, 7, 80)), "a cache has to answer as the rules do")
	})
	t.Run("packets that do not leave as they should", func(t *testing.T) {
		r := verified(t, &liar{honest: true})
		wants(t, r.one(t, udp(t, 1, 2, 7, 80)), "")
		r.verify.begin()
		if err := r.verify.sw.Send(1, udp(t, 1, 2, 7, 80)); err != nil {
			t.Fatal(err)
		}
		r.verify.out[0].packet[20] ^= 1
		found := r.verify.check()
		if len(found) != 1 || !strings.Contains(found[0].What, "what leaves") {
			t.Errorf("got %+v", found)
		}
	})
}

package datapath_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// byPorts tells flows by their UDP source port; what is done with them is up to then.
func byPorts(then func(q *rules.Query, v *rules.Verdict)) func(*rules.Query, *rules.Verdict) error {
	return func(q *rules.Query, v *rules.Verdict) error {
		v.Mask.SetExact(flow.FieldUDPSrc)
		then(q, v)
		return nil
	}
}

// A prompt is a script that workers may ask.
type prompt struct{ *script }

func (p prompt) TryCredit(trail []uint64, packets, bytes uint64, lastUsed int64) bool {
	p.Credit(trail, packets, bytes, lastUsed)
	return true
}

// Packets of many flows are mixed, those of a flow numbered: whatever becomes of a flow's first packet, all leave in
// their order, are credited to the byte, and the first alone costs a look-up if the table lets it be cached.
func TestWorkersServeTheSlowPathThemselves(t *testing.T) {
	const flows, packets = 100, 20
	for _, c := range []struct {
		name    string
		then    func(q *rules.Query, v *rules.Verdict)
		lookups int // at most
		passes  int // of a packet
	}{
		{"cached", func(_ *rules.Query, v *rules.Verdict) { v.Actions.Output(2) }, flows, 1},
		{"not cached", func(_ *rules.Query, v *rules.Verdict) {
			v.NoCache = true
			v.Actions.Output(2)
		}, flows * packets, 1},
		{"every other flow is not cached", func(q *rules.Query, v *rules.Verdict) {
			v.NoCache = q.Key.Uint(flow.FieldUDPSrc)%2 == 0
			v.Actions.Output(2)
		}, flows * packets * 3 / 4, 1},
		{"taken up again", func(q *rules.Query, v *rules.Verdict) {
			if id := uint32(q.Key.Uint(flow.FieldRecircID)); id < 3 {
				v.Actions.Recirc(id + 1)
				return
			}
			v.Actions.Output(2)
		}, 4 * flows, 4},
	} {
		test := func(t *testing.T, server datapath.Server) {
			table := &prompt{newScript(t, 1, byPorts(c.then))}
			o := datapath.Options{
				Workers:  datapath.WorkersConfig{Count: 2},
				SlowPath: datapath.SlowPath{Server: server, QueueLength: 4096, Held: 4096},
			}
			l := newLab(t, o, table, "a", "b")
			var sent, left [flows]uint32
			r := rand.New(rand.NewPCG(1, 2))
			for range flows * packets {
				i := r.IntN(flows)
				p := udp(t, 1, 2, uint16(i), 20)
				binary.BigEndian.PutUint32(p[len(p)-4:], sent[i])
				l.send("a", p)
				sent[i]++
			}
			for _, p := range l.receive("b", flows*packets) {
				i := binary.BigEndian.Uint16(p[34:])
				if n := binary.BigEndian.Uint32(p[len(p)-4:]); n != left[i] {
					t.Fatalf("flow %d: packet %d left as number %d", i, n, left[i])
				}
				left[i]++
			}
			l.sw.Sync()
			if got := table.total(); got.packets != flows*packets*uint64(c.passes) {
				t.Errorf("%d packets credited, want %d", got.packets, flows*packets*c.passes)
			}
			if n := value(l.sw.Stats().SlowPath, "served"); n > uint64(c.lookups) || n < flows {
				t.Errorf("%d packets served, want %d to %d", n, flows, c.lookups)
			}
		}
		t.Run(c.name, func(t *testing.T) { test(t, datapath.ByWorkers) })
		t.Run(c.name+", with a thread's help", func(t *testing.T) { test(t, datapath.ByWorkersAndThread) })
	}
}

package oracle

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

var _ = [1]struct{}{}[flow.Version-3]

// relatives is how many packets near the one at hand are held against each megaflow.
const relatives = 8

// A witness watches a stepped switch and holds the promise of its caches against the rule table:
// whichever cache answers a packet, the table gives the same answer now; and whatever other packet a
// megaflow covers, the table would have given that answer, too.
type witness struct {
	*generator
	c       *culvert
	lies    []string
	looks   [3]int // by datapath.Level
	kin     int    // packets that were held against another's megaflow
	during  int    // changes while packets were under way
	verdict rules.Verdict
	other   rules.Verdict
	keys    flow.Keys
	frames  *frame.Cache
	script  []byte // what is left of it
	late    bool   // answers of the slow path are under way that were made before the last change
	failed  error  // why a change could not be made while packets were under way
}

// see is shown every look-up.
func (w *witness) see(p *datapath.Pass) {
	w.looks[p.Level]++
	if w.late && p.Level == datapath.LevelSlow {
		return // by the rules as they were when the slow path was asked, as it may be
	}
	truth := w.ask(&w.verdict, &p.Key, p.Packet)
	same := slices.Equal(effect(truth, &p.Key), effect(p.Program, &p.Key))
	if !same && p.Level == datapath.LevelSlow && w.alone {
		return // the packet may have taught the table on its way; what the caches say from now on is looked at
	}
	if !same {
		w.lie(p, "the %s says %s, the rule table %s", p.Level, text(p.Program), text(truth))
		return
	}
	if p.Slot == 0 {
		return
	}
	m, program, ok := w.c.sw.Megaflow(p.Slot)
	switch {
	case !ok:
		w.lie(p, "it belongs to a megaflow that is not there")
	case !m.Matches(&p.Key):
		w.lie(p, "its megaflow %s does not match it", m.String())
	case !slices.Equal(program, p.Program):
		w.lie(p, "its megaflow says %s, the %s %s", text(program), p.Level, text(p.Program))
	default:
		w.family(p, &m)
	}
}

// family holds packets that differ from the one at hand in a few bits against its megaflow.
func (w *witness) family(p *datapath.Pass, m *flow.Match) {
	for range relatives {
		data := slices.Clone(p.Packet)
		for range 1 + w.IntN(6) {
			data[w.IntN(min(len(data), 80))] ^= 1 << w.IntN(8)
		}
		k, ok := w.extract(p, data)
		if !ok || !m.Matches(&k) {
			continue
		}
		w.kin++
		if theirs := w.ask(&w.other, &k, data); !slices.Equal(effect(theirs, &k), effect(p.Program, &k)) {
			w.lie(p, "its megaflow %s covers %s, for which the rule table says %s", m.String(), hex.EncodeToString(data), text(theirs))
			return
		}
	}
}

// extract returns the key of a packet that comes where the one at hand does.
func (w *witness) extract(p *datapath.Pass, data []byte) (k flow.Key, ok bool) {
	f, ok := w.frames.FromBytes(data)
	if !ok {
		return k, false
	}
	defer w.frames.Put(f)
	var b frame.Batch
	b.Append(f)
	x := flow.Extractor{Seed: seed}
	x.Extract(w.c.pool, p.Port, p.Recirc, &b, &w.keys)
	w.keys.Key(0, &k)
	return k, w.keys.Short == 0
}

// ask returns what the rule table says of a packet, without a trace of the question.
func (w *witness) ask(v *rules.Verdict, k *flow.Key, data []byte) []uint64 {
	q := rules.Query{Key: k, Packet: data, Size: len(data), Now: w.c.now}
	upcall.Lookup(w.c.table, &q, v, func(err error) { w.lies = append(w.lies, err.Error()) })
	return v.Actions.Words()
}

func (w *witness) lie(p *datapath.Pass, format string, args ...any) {
	w.lies = append(w.lies, fmt.Sprintf("packet by datapath port %d, recirculation id %d: %s\n%s",
		p.Port, p.Recirc, hex.EncodeToString(p.Packet), fmt.Sprintf(format, args...)))
}

func text(program []uint64) string { return action.Format(program, nil) }

package oracle

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// A Played is what became of a scene that Culvert played alone.
type Played struct {
	Lies    []string // that a witness saw
	Refused []string // rules, groups and meters that were not taken, and why
	Looks   [3]int   // look-ups, by the datapath.Level that answered
	Kin     int      // packets of which the same was asked as of one that a megaflow was made for
}

// Play runs a scene on Culvert alone: packets come in any order while rules change and time passes, as the
// bytes of script say. The error says that the scene could not be played.
func Play(ctx context.Context, number uint64, script []byte) (p Played, err error) {
	s := GenerateAlone(number)
	w := &witness{generator: newGenerator(number + 1)}
	w.generator.alone = true
	c, refused, err := newCulvert(ctx, &s, w.see)
	if err != nil {
		return p, err
	}
	w.c = c
	defer func() {
		if w.frames != nil {
			w.frames.Close()
		}
		if e := w.c.close(); err == nil {
			err = e
		}
	}()
	for text, why := range refused {
		p.Refused = append(p.Refused, text+": "+why)
	}
	if w.frames, err = w.c.pool.NewCache(); err != nil {
		return p, err
	}
	for i := 0; i < len(script) && len(w.lies) == 0; i++ {
		if err := w.step(&s, script[i]); err != nil {
			return p, fmt.Errorf("step %d: %w", i, err)
		}
	}
	p.Looks, p.Kin = w.looks, w.kin
	for _, lie := range w.lies {
		p.Lies = append(p.Lies, lie+"\n"+s.String())
	}
	return p, nil
}

// step does what a byte of the script says: 200 of them are packets, the others changes, each always the same
// one in a scene, so that a script that was cut short does the rest as before.
func (w *witness) step(s *Scene, b byte) error {
	if b < 200 {
		_, err := w.c.send(s.Packets[int(b)%len(s.Packets)])
		return err
	}
	g := newGenerator(s.Number<<8 | uint64(b))
	g.alone = true
	switch b % 11 {
	case 0, 1: // what the switch refuses is not added
		w.c.addFlow(g.flow(1 + g.IntN(2*len(s.Flows))))
	case 2:
		w.c.addFlow(strings.Replace(g.flow(100+g.IntN(100)), ",actions=", fmt.Sprintf(",%s_timeout=%d,actions=", pick(g, "idle", "hard"), 1+g.IntN(3)), 1))
	case 3:
		return w.change(w.c.deleteFlows, fmt.Sprintf("table=%d", g.IntN(4)))
	case 4:
		return w.change(w.c.deleteFlows, pick(g, "ip", "tcp", "dl_vlan=5", "in_port=2", "mpls", "out_port=3"))
	case 5:
		return w.change(w.c.modFlows, fmt.Sprintf("table=%d,actions=%s", g.IntN(4), pick(g, "output:2", "drop", "NORMAL", "resubmit(,3)")))
	case 6:
		w.c.now += int64(time.Duration(1+g.IntN(2000)) * time.Millisecond)
	case 7:
		w.c.peers[1+g.Uint32N(5)].SetLink(!g.one(2))
	case 8:
		return w.change(w.c.modGroup, pick(g, g.groups()...))
	case 9: // with the rules that name it
		w.c.table.DeleteGroup(1 + g.Uint32N(6))
	case 10:
		w.c.table.FlushAddresses(fdb.Filter{})
	}
	w.c.sw.Walk()
	return nil
}

// change makes a change of rules that the switch takes.
func (w *witness) change(do func(string) error, text string) error {
	if err := do(text); err != nil {
		return err
	}
	w.c.sw.Walk()
	return nil
}

func (c *culvert) deleteFlows(text string) error {
	f, err := openflow.ParseFilter(text, false)
	if err == nil {
		c.table.DeleteFlows(f)
	}
	return err
}

func (c *culvert) modGroup(text string) error {
	g, err := c.table.Parser().ParseGroup(text)
	if err != nil {
		return err
	}
	return c.table.ModGroups([]openflow.Group{g.Group}, true)
}

func (c *culvert) modFlows(text string) error {
	m, err := openflow.Parser{}.ParseMod(text, false)
	if err == nil {
		_, err = c.table.ModFlows(m)
	}
	return err
}

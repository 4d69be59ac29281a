package oracle

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// Play runs a scene on Culvert alone: packets come in any order while rules change and time passes, as the
// bytes of script say. It returns every lie that a witness saw; the error says that the scene could not be
// played.
func Play(ctx context.Context, number uint64, script []byte) (lies []string, err error) {
	s := Generate(number)
	w := &witness{generator: newGenerator(number + 1)}
	if w.c, _, err = newCulvert(ctx, &s, w.see); err != nil {
		return nil, err
	}
	defer func() {
		if w.frames != nil {
			w.frames.Close()
		}
		if e := w.c.close(); err == nil {
			err = e
		}
	}()
	if w.frames, err = w.c.pool.NewCache(); err != nil {
		return nil, err
	}
	for i := 0; i < len(script) && len(w.lies) == 0; i++ {
		if err := w.step(&s, script[i]); err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
	}
	for i := range w.lies {
		w.lies[i] += "\n" + s.String()
	}
	return w.lies, nil
}

// step does what a byte of the script says: 200 of them are packets.
func (w *witness) step(s *Scene, b byte) error {
	if b < 200 {
		_, err := w.c.send(s.Packets[int(b)%len(s.Packets)])
		return err
	}
	switch b % 8 {
	case 0, 1: // what the switch refuses is not added
		w.c.addFlow(w.flow(1 + w.IntN(2*len(s.Flows))))
	case 2:
		w.c.addFlow(strings.Replace(w.flow(100+w.IntN(100)), ",actions=", fmt.Sprintf(",%s_timeout=%d,actions=", pick(w.generator, "idle", "hard"), 1+w.IntN(3)), 1))
	case 3:
		return w.change(w.c.deleteFlows, fmt.Sprintf("table=%d", w.IntN(4)))
	case 4:
		return w.change(w.c.deleteFlows, pick(w.generator, "ip", "tcp", "dl_vlan=5", "in_port=2", "mpls", "out_port=3"))
	case 5:
		return w.change(w.c.modFlows, fmt.Sprintf("table=%d,actions=%s", w.IntN(4), pick(w.generator, "output:2", "drop", "NORMAL", "resubmit(,3)")))
	case 6:
		w.c.now += int64(time.Duration(1+w.IntN(2000)) * time.Millisecond)
		w.c.sw.Walk()
		return nil
	case 7:
		peer := w.c.peers[1+w.Uint32N(5)]
		peer.SetLink(!w.one(2))
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

func (c *culvert) modFlows(text string) error {
	m, err := openflow.Parser{}.ParseMod(text, false)
	if err == nil {
		_, err = c.table.ModFlows(m)
	}
	return err
}

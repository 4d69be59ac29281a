package oracle

import (
	"context"
	"errors"
	"fmt"
)

// A Played is what became of a scene that Culvert played alone.
type Played struct {
	Lies    []string // that a witness saw
	Refused []string // rules, groups and meters that were not taken, and why
	Looks   [3]int   // look-ups, by the datapath.Level that answered
	Kin     int      // packets of which the same was asked as of one that a megaflow was made for
	During  int      // changes that were made while packets were under way
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
	for w.script = script; len(w.script) > 0 && len(w.lies) == 0; {
		at := len(script) - len(w.script)
		if err := w.step(&s); err != nil {
			return p, fmt.Errorf("step %d: %w", at, err)
		}
	}
	p.Looks, p.Kin, p.During = w.looks, w.kin, w.during
	for _, lie := range w.lies {
		p.Lies = append(p.Lies, lie+"\n"+s.String())
	}
	return p, nil
}

// What a byte of a script means.
const (
	bursts  = 150 // from here on all packets of a port come together, below one
	changes = 200 // from here on something changes
	during  = 228 // from here on while packets are under way, if some came just before
)

// step does what the next byte of the script says. Each does always the same in a scene, so that a script that was cut
// short does the rest as before.
func (w *witness) step(s *Scene) error {
	b := w.script[0]
	w.script = w.script[1:]
	if b >= changes {
		return w.change(s, b)
	}
	p := s.Packets[int(b)%len(s.Packets)]
	packets := [][]byte{p.Data}
	if b >= bursts {
		for _, other := range s.Packets {
			if other.Port == p.Port {
				packets = append(packets, other.Data)
			}
		}
	}
	err := w.c.sendAll(p.Port, packets, func(answers bool) { w.meanwhile(s, answers) })
	w.late = false
	return errors.Join(err, w.failed)
}

// meanwhile makes the change that the script has next, if it is for when packets are under way.
func (w *witness) meanwhile(s *Scene, answers bool) {
	w.late = false
	if len(w.script) == 0 || w.script[0] < during || w.failed != nil {
		return
	}
	w.late = answers
	w.during++
	w.failed = w.change(s, w.script[0])
	w.script = w.script[1:]
}

package frontend

import (
	"errors"
	"fmt"
	"time"
)

// lookAfter is how often is looked for workers that are kept in the kernel, at a bell.
const lookAfter = 100 * time.Millisecond

// errStuck is what a back end did that has made an eventfd block.
var errStuck = errors.New("the back end has made a descriptor block that it must not change")

// guard frees workers that a back end keeps in the kernel, and has the session end, as long as there are sessions.
func (p *Port) guard() {
	defer close(p.guarded)
	look := time.NewTicker(lookAfter)
	defer look.Stop()
	for {
		select {
		case <-p.ended:
			return
		case <-look.C:
			p.freeStuck()
		}
	}
}

func (p *Port) freeStuck() {
	for _, q := range p.rings() {
		for _, b := range []*bell{&q.kick, &q.call} {
			if was, err := b.free(); was {
				p.broken(fmt.Errorf("ring %d: %w", q.index, errors.Join(errStuck, err)))
			}
		}
	}
}

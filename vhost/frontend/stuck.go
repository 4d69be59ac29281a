package frontend

import (
	"errors"
	"fmt"
	"time"
)

// stuckAfter is how long a worker may be in the kernel, at a bell, before it is freed: twice that at most.
const stuckAfter = 500 * time.Millisecond

// errStuck is what a back end did that has made an eventfd block.
var errStuck = errors.New("the back end has made a descriptor block that it must not change")

// guard frees workers that a back end keeps in the kernel, and has the session end, as long as there are sessions.
func (p *Port) guard() {
	defer close(p.guarded)
	look := time.NewTicker(stuckAfter)
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
			if b.stuck() {
				p.broken(fmt.Errorf("ring %d: %w", q.index, errors.Join(errStuck, b.free())))
			}
		}
	}
}

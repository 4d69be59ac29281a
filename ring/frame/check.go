package frame

import "fmt"

// Check reports caches that are open, frames that are out, and buffers that are free twice. It is the
// leak check that ends a test: call it when nothing uses the pool any more.
func (p *Pool) Check() error {
	d := &p.depot
	if open := p.caches - int(d.caches.Load()); open != 0 {
		return fmt.Errorf("%d caches are open", open)
	}
	seen := make([]bool, len(p.meta))
	free := 0
	for _, s := range []*stack{&d.full, &d.partial} {
		for m := uint32(s.head.Load()); m != 0; m = d.next[m-1].Load() {
			for _, buf := range d.magazine(m - 1)[:d.fill[m-1]] {
				if seen[buf] {
					return fmt.Errorf("buffer %d is on the free list twice", buf)
				}
				seen[buf] = true
				free++
			}
		}
	}
	if out := len(p.meta) - free; out != 0 {
		return fmt.Errorf("%d of %d buffers have not come back", out, len(p.meta))
	}
	return nil
}

func (p *Pool) take(buf uint32) {
	if p.audit[buf].Swap(1) != 0 {
		panic(fmt.Sprintf("frame: buffer %d allocated while it was out", buf))
	}
}

func (p *Pool) release(buf uint32) {
	if p.audit[buf].Swap(0) != 1 {
		panic(fmt.Sprintf("frame: buffer %d freed twice", buf))
	}
}

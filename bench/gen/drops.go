package gen

import (
	"maps"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// drops are what a port of the generator's own has dropped, by the names of its counters.
type drops map[string]uint64

// dropsOf returns what a port has dropped since it was opened, as far as it has published that.
func dropsOf(p pmd.Port) drops {
	samples := p.Samples(nil)
	for _, q := range p.RxQueues() {
		samples = q.Counters().Samples(samples)
	}
	for _, q := range p.TxQueues() {
		samples = q.Counters().Samples(samples)
	}
	d := make(drops)
	for _, s := range samples {
		if s.Kind == counter.Drop {
			d[s.Name] += s.Value
		}
	}
	return d
}

// since returns what was dropped after an earlier look; nil if nothing was.
func (d drops) since(before drops) drops {
	var more drops
	for name := range maps.Keys(d) {
		if n := d[name] - before[name]; n > 0 {
			if more == nil {
				more = make(drops)
			}
			more[name] = n
		}
	}
	return more
}

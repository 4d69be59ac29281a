package frame

import "math"

// A Measure is what can be said of several packets without a look at each again. The zero value says nothing.
type Measure struct {
	Bytes   int  // of all packets together
	Longest int  // bytes of the longest packet
	Least   int  // bytes of the shortest first buffer
	Plain   bool // all packets are in one buffer, and have no flags
}

// Measure measures frames, of which there is one at least.
func (p *Pool) Measure(frames []Frame) (m Measure) {
	bytes, longest, least, any := 0, 0, math.MaxUint16, uint64(0)
	for i := range frames {
		n := frames[i].Len()
		bytes += n
		longest = max(longest, n)
		least = min(least, n)
		any |= frames[i].word
	}
	m = Measure{Bytes: bytes, Longest: longest, Least: least}
	if !(Frame{any}).Plain() {
		p.measureChains(frames, &m)
		return m
	}
	m.Plain = true
	return m
}

// measureChains adds to m what packets have behind their first buffers.
func (p *Pool) measureChains(frames []Frame, m *Measure) {
	for _, f := range frames {
		if f.More() != 0 {
			total := p.Total(f)
			m.Bytes += total - f.Len()
			m.Longest = max(m.Longest, total)
		}
	}
}

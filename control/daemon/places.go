package daemon

// ample is how many places a port may have for each that is free: as a sender's on its port's way to the slow path.
const ample = 7

// Places are what guests share, by the port that they are at. A port may have so many times as many as are free (dynamic
// thresholds: Choudhury and Hahne, IEEE/ACM ToN 6(2), 1998): one that is alone has seven eighths, and however many some take,
// others find room.
type places struct {
	most  int
	taken int
	by    map[uint32]int // port -> how many it has
}

func newPlaces(most int) places { return places{most: most, by: make(map[uint32]int)} }

// has reports whether a port may have one place more.
func (p *places) has(port uint32) bool { return p.by[port] < ample*(p.most-p.taken) }

// take takes a place for a port, if it may have one more.
func (p *places) take(port uint32) bool {
	if !p.has(port) {
		return false
	}
	p.add(port)
	return true
}

// add takes a place for a port, whatever it has.
func (p *places) add(port uint32) {
	p.by[port]++
	p.taken++
}

// give gives a place of a port back.
func (p *places) give(port uint32) {
	p.taken--
	if p.by[port]--; p.by[port] == 0 {
		delete(p.by, port)
	}
}

// empty gives all places back.
func (p *places) empty() {
	clear(p.by)
	p.taken = 0
}

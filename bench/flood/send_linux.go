package flood

import "github.com/culvertdev/culvert/ring/move"

// send writes packets where there is room, and gives them to the switch.
func (f *Flood) send(who int, g *Guest) {
	r := g.rings[sends]
	r.Take(RingSize)
	at, n := r.Free()
	if n == RingSize {
		f.starved.Add(batch)
	}
	n = min(n, batch)
	if f.sent[who].count == nil {
		f.fill(who, g, at, n)
	} else {
		f.fillCounted(who, g, at, n)
	}
	f.offered.Add(uint64(n))
	g.give(sends, n)
}

// give gives the switch entries of a ring, and tells it if it wants to be told.
func (g *Guest) give(ring, n int) {
	r := g.rings[ring]
	r.Give(n)
	if r.Kick() {
		g.bells[ring].Ring(g.kicks[ring])
	}
}

// fill writes the next n packets from entry at on.
func (f *Flood) fill(who int, g *Guest, at, n int) {
	r, list, next := g.rings[sends], f.sent[who].list, int(f.next[who])
	for i := range n {
		packet, entry := list[next], (at+i)%RingSize
		f.pieces[i].Set(g.memory.packet(sends, entry), packet)
		r.SetLen(entry, header+len(packet))
		if next++; next == len(list) {
			next = 0
		}
	}
	f.next[who] = uint32(next)
	move.All(f.pieces[:n])
}

// fillCounted is fill for packets that differ in their destination alone.
func (f *Flood) fillCounted(who int, g *Guest, at, n int) {
	r, packet, c := g.rings[sends], f.sent[who].list[0], f.sent[who].count
	for i := range n {
		entry := (at + i) % RingSize
		f.pieces[i].Set(g.memory.packet(sends, entry), packet)
		r.SetLen(entry, header+len(packet))
	}
	move.All(f.pieces[:n])
	next := f.next[who]
	for i := range n {
		c.put(g.memory.packet(sends, (at+i)%RingSize), next)
		if next++; next == c.flows {
			next = 0
		}
	}
	f.next[who] = next
}

package gateway

import (
	"net/netip"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A hearing is what a tunnel is asked with when a packet has come in by it.
type hearing struct {
	key  flow.Key
	uses flow.Mask
}

// arrived has the tunnel that the packet came in by hear of it, now and whenever packets of its flow are counted.
func (l *look) arrived() {
	listener, ok := l.in.Tunnel.(rules.TunnelListener)
	if !ok {
		return
	}
	h := l.t.hearings.Get().(*hearing)
	defer l.t.hearings.Put(h)
	h.key, h.uses = *l.q.Key, flow.Mask{}
	lesson, tags := listener.Arrived(&h.key, &h.uses)
	if tags == 0 {
		return
	}
	l.v.Tags |= tags
	l.v.Mask.Union(&h.uses)
	if !lesson.From.IsValid() {
		return
	}
	l.v.Trail = appendLesson(append(l.v.Trail, trailWord(trailArrival, uint64(l.in.ID))), &lesson)
	if l.q.Live {
		listener.Heed(&lesson)
	}
}

// relate has a tunnel hear again what packets have shown. The caller holds a lock.
func (t *Table) relate(port uint32, words []uint64) {
	p := t.state.ports[port]
	if p == nil {
		return
	}
	if listener, ok := p.Tunnel.(rules.TunnelListener); ok {
		lesson := lessonOf(words)
		listener.Heed(&lesson)
	}
}

// lessonWords is how many words a lesson has in a trail: one each for the VNI and the Ethernet addresses, and
// two for each IP address.
const lessonWords = 9

func appendLesson(trail []uint64, l *rules.Lesson) []uint64 {
	trail = append(trail, uint64(l.VNI), uint64(fdb.MakeKey(0, l.Src)), uint64(fdb.MakeKey(0, l.Dst)))
	for _, a := range [...]netip.Addr{l.IP, l.From, l.To} {
		hi, lo := words(a)
		trail = append(trail, hi, lo)
	}
	return trail
}

func lessonOf(w []uint64) rules.Lesson {
	l := rules.Lesson{
		VNI: uint32(w[0]), Src: fdb.Key(w[1]).MAC(), Dst: fdb.Key(w[2]).MAC(), From: addrOf(w[5], w[6]), To: addrOf(w[7], w[8]),
	}
	if w[3]|w[4] != 0 { // a packet that says no address
		l.IP = addrOf(w[3], w[4])
	}
	return l
}

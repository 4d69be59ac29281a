package gateway

import (
	"math/bits"
	"sync"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/neighbour"
)

// A changeLog knows of each of the 64 tags when it last changed. That is all it keeps, so that a flood of
// addresses costs neither memory nor time; what shares a tag with something that changed is looked up again
// in vain.
//
// Thread-safety: all methods may be called at the same time.
type changeLog struct {
	mu      sync.Mutex
	version uint64 // changes so far
	all     uint64 // version at which everything changed: configuration, ports
	tags    [64]uint64
}

// changed notes that what tags stand for has changed.
func (l *changeLog) changed(tags uint64) {
	l.mu.Lock()
	l.version++
	for ; tags != 0; tags &= tags - 1 {
		l.tags[bits.TrailingZeros64(tags)] = l.version
	}
	l.mu.Unlock()
}

func (l *changeLog) everything() {
	l.mu.Lock()
	l.version++
	l.all = l.version
	l.mu.Unlock()
}

// Version counts the changes of configuration, ports, and addresses that are known.
func (t *Table) Version() uint64 {
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	return t.log.version
}

// since adds what changed after version v to c and returns the version now. Versions that callers know are
// one more, so that 0 is "never asked".
func (l *changeLog) since(v uint64, c *rules.ChangeSet) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.version + 1
	if v == 0 || v > now || l.all >= v {
		c.All = true
		return now
	}
	tags := uint64(0)
	for i, at := range l.tags {
		if at >= v {
			tags |= 1 << i
		}
	}
	if tags != 0 {
		c.Changes = append(c.Changes, rules.Change{Tag: tags})
	}
	return now
}

// Changes implements rules.Table.
func (t *Table) Changes(since uint64, c *rules.ChangeSet) uint64 { return t.log.since(since, c) }

// tag returns the bit that stands for v, another one in each run.
func (t *Table) tag(v uint64) uint64 {
	v ^= t.salt
	hi, lo := bits.Mul64(v, 0x9e3779b97f4a7c15)
	return 1 << ((hi ^ lo) >> 58)
}

// stationTag stands for where in a segment an Ethernet address is.
func (t *Table) stationTag(k fdb.Key) uint64 { return t.tag(uint64(k)) }

// hostTag stands for what the Ethernet address of a neighbour is.
func (t *Table) hostTag(h neighbour.Host) uint64 {
	hi, lo := rules.AddrWords(h.Addr)
	return t.tag(1<<63 | uint64(h.Link) ^ bits.RotateLeft64(hi, 17) ^ lo)
}

// learned logs what learning an address has changed.
func (t *Table) learned(k fdb.Key, r fdb.Result) {
	if r.New || r.Moved {
		t.log.changed(t.stationTag(k))
	}
	if r.Evicted {
		t.log.changed(t.stationTag(r.Victim))
	}
}

package gateway

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/neighbour"
)

// A trail is a list of words:
//
//	63..60  what
//	59..0   trailRule:    index in the ACL; the next word is the configuration it is of
//	        trailLearn:   segment and Ethernet address, an fdb.Key; the next word is the datapath port
//	        trailUse:     segment; the next two words are the address of a neighbour that packets go to
//	        trailConfirm: segment and Ethernet address, an fdb.Key; the next two words are the address of the
//	                      neighbour that has said so
//	        trailArrival: datapath port of a tunnel; the next words are what packets show that come in by it, a lesson
//	        trailEntry:   datapath port of a tunnel; the next words are what packets show that go into it, an entry
const (
	trailRule = iota
	trailLearn
	trailUse
	trailConfirm
	trailArrival
	trailEntry

	trailKind = 60
)

func trailWord(kind, v uint64) uint64 { return kind<<trailKind | v }

// Credit implements rules.Table: rules count, addresses in use do not age.
func (t *Table) Credit(trail []uint64, packets, bytes uint64, lastUsed int64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.credit(trail, packets, bytes, lastUsed)
}

var _ rules.Prompt = (*Table)(nil)

// TryCredit implements rules.Prompt.
func (t *Table) TryCredit(trail []uint64, packets, bytes uint64, lastUsed int64) bool {
	if !t.mu.TryRLock() {
		return false
	}
	defer t.mu.RUnlock()
	t.credit(trail, packets, bytes, lastUsed)
	return true
}

// credit is Credit with the lock held.
func (t *Table) credit(trail []uint64, packets, bytes uint64, lastUsed int64) {
	if packets == 0 {
		return
	}
	for len(trail) > 0 {
		v := trail[0] & (1<<trailKind - 1)
		size := 2
		switch kind := trail[0] >> trailKind; kind {
		case trailRule:
			if trail[1] == t.generation {
				t.counts[v].packets.Add(packets)
				t.counts[v].bytes.Add(bytes)
			}
		case trailLearn:
			t.relearn(fdb.Key(v), uint32(trail[1]), lastUsed)
		case trailArrival:
			size = 1 + rules.LessonWords
			t.relate(uint32(v), trail[1:size])
		case trailEntry:
			size = 1 + rules.EntryWords
			t.relateEntry(uint32(v), trail[1:size], lastUsed)
		default:
			size = 3
			h := neighbour.Host{Link: fdb.Key(v).VLAN(), Addr: rules.AddrOf(trail[1], trail[2])}
			if kind == trailConfirm {
				t.neighbours.Confirm(h, fdb.Key(v).MAC(), lastUsed)
			} else if t.neighbours.Want(h, nil, lastUsed) {
				t.ask(h)
			}
		}
		trail = trail[size:]
	}
}

// relearn learns an address anew that a cached flow's packets came from, if the port is still in the segment.
func (t *Table) relearn(k fdb.Key, port uint32, used int64) {
	if i := int(k.VLAN()); i < len(t.state.segments) && t.state.segments[i].memberOn(port) != nil {
		t.learned(k, t.stations.Replay(k, port, used))
	}
}

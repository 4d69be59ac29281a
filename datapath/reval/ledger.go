package reval

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/ring/slab"
)

// A ledger knows, for every slot of the flow cache, which table its flow is of and how much of its
// traffic that table has been told about. A trail means something only to the table it came from, so
// traffic is credited there even when the port has been given another table since.
//
// Accounts hold no pointers: the collector does not look at a million of them.
//
// Thread-safety: guarded by the lock over the flow cache.
type ledger struct {
	lists    *flowcache.Lists
	accounts []account              // by slot
	tables   []rules.Table          // by number; 0 is nobody's; nil: the number is free
	numbers  map[rules.Table]uint32 // the other way round
	latest   uint32                 // assigned
}

// An account is one flow's.
type account struct {
	packets, bytes uint64 // credited so far
	table          uint32
}

// newLedger returns a ledger that lives as long as owner.
func newLedger[O any](owner *O, lists *flowcache.Lists, slots int) ledger {
	return ledger{
		lists:    lists,
		accounts: slab.New[account](owner, slots),
		tables:   make([]rules.Table, 1),
		numbers:  make(map[rules.Table]uint32),
	}
}

// assign makes the flow in slot s one of t. What it has counted so far stays counted.
func (l *ledger) assign(s flowcache.Slot, t rules.Table) {
	if l.latest == 0 || l.tables[l.latest] != t {
		l.latest = l.numberOf(t)
	}
	l.accounts[s].table = l.latest
}

// numberOf returns the number of a table, which has one from then on.
func (l *ledger) numberOf(t rules.Table) uint32 {
	n, ok := l.numbers[t]
	if !ok {
		n = l.number()
		l.tables[n], l.numbers[t] = t, n
	}
	return n
}

// number returns a free number.
func (l *ledger) number() uint32 {
	for n := 1; n < len(l.tables); n++ {
		if l.tables[n] == nil {
			return uint32(n)
		}
	}
	l.tables = append(l.tables, nil)
	return uint32(len(l.tables) - 1)
}

// forget frees the number of a table that has no flows any more.
func (l *ledger) forget(t rules.Table) {
	if n, ok := l.numbers[t]; ok {
		l.tables[n] = nil
		delete(l.numbers, t)
	}
}

// owner returns the table that the flow in slot s is of.
func (l *ledger) owner(s flowcache.Slot) rules.Table { return l.tables[l.accounts[s].table] }

// settle tells the owner of the flow in slot s of what went through it since the last time.
func (l *ledger) settle(s flowcache.Slot, st *flowcache.Stats, trail flowcache.ListID) {
	a := &l.accounts[s]
	if st.Packets == a.packets {
		return
	}
	if t := l.tables[a.table]; t != nil {
		t.Credit(l.lists.Get(trail), st.Packets-a.packets, st.Bytes-a.bytes, st.LastUsed)
	}
	a.packets, a.bytes = st.Packets, st.Bytes
}

// close ends the account of slot s.
func (l *ledger) close(s flowcache.Slot) { l.accounts[s] = account{} }

package fdb

// Expire forgets the addresses unused for the ageing time at now, and appends them to changed. It
// looks only at those, and at one more per port.
func (t *Table) Expire(now int64, changed []Key) []Key {
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := now - int64(t.opt.Ageing)
	for _, l := range t.ports.byPort {
		for l.count > 0 && t.entries[l.head].used <= limit {
			changed = append(changed, t.entries[l.head].key)
			t.remove(l.head)
		}
	}
	return changed
}

// A Filter selects entries to flush. The zero value selects all learned ones.
type Filter struct {
	Port    uint32
	OnPort  bool // only those of Port
	VLAN    uint16
	InVLAN  bool // only those of VLAN
	Statics bool // static ones too
}

// Flush forgets the entries that f selects and appends them to changed. now is the time in ns: see
// Replay.
func (t *Table) Flush(f Filter, now int64, changed []Key) []Key {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flushed = max(t.flushed, now)
	for i := range t.entries {
		e := &t.entries[i]
		if j, used := t.index[e.key]; !used || int(j) != i {
			continue
		}
		if f.OnPort && e.port != f.Port || f.InVLAN && e.key.VLAN() != f.VLAN || e.static && !f.Statics {
			continue
		}
		changed = append(changed, e.key)
		t.remove(int32(i))
	}
	return changed
}

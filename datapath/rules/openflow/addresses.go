package openflow

import "github.com/culvertdev/culvert/datapath/rules/fdb"

// fdbOn selects the addresses of a port, static ones too.
func fdbOn(port uint32) fdb.Filter { return fdb.Filter{Port: port, OnPort: true, Statics: true} }

// Addresses returns the addresses that NORMAL knows. Their ports are datapath ports.
func (t *Table) Addresses() []fdb.Entry { return t.fdb.Entries(t.clock()) }

// AddAddress makes NORMAL know an address for good. port is the datapath port it is behind.
func (t *Table) AddAddress(key fdb.Key, port uint32) error {
	r, err := t.fdb.AddStatic(key, port)
	if err != nil {
		return err
	}
	t.learned(key, r)
	return nil
}

// DeleteAddress makes NORMAL forget an address and reports whether it knew it.
func (t *Table) DeleteAddress(key fdb.Key) bool {
	ok := t.fdb.Remove(key, t.clock())
	if ok {
		t.addressChanged(key)
	}
	return ok
}

// FlushAddresses makes NORMAL forget the addresses that f selects and returns how many.
func (t *Table) FlushAddresses(f fdb.Filter) int { return t.flush(f) }

func (t *Table) flush(f fdb.Filter) int {
	changed := t.fdb.Flush(f, t.clock(), nil)
	t.forgotten(changed)
	return len(changed)
}

func (t *Table) forgotten(keys []fdb.Key) {
	for _, k := range keys {
		t.addressChanged(k)
	}
}

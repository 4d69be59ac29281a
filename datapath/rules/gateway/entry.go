package gateway

import "github.com/culvertdev/culvert/datapath/rules"

// relateEntry has a tunnel hear of packets that have gone into it and were seen at used. The caller holds a lock.
func (t *Table) relateEntry(port uint32, words []uint64, used int64) {
	p := t.state.ports[port]
	if p == nil {
		return
	}
	if tun, ok := p.Tunnel.(rules.TunnelEntrance); ok {
		s := t.tunnellings.Get().(*tunnelling) // for the sake of its Entry, which would be garbage each time
		defer t.tunnellings.Put(s)
		s.Entry = rules.EntryOf(words)
		tun.Entered(&s.Entry, used)
	}
}

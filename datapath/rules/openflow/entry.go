package openflow

import "github.com/culvertdev/culvert/datapath/rules"

// entered has a tunnel that packets go into hear of them whenever packets of the verdict are counted, if it has said something.
func (x *xlate) entered(port *rules.Port, said *rules.Entry) {
	if said.Port != 0 {
		x.v.Trail = rules.AppendEntry(append(x.v.Trail, entryWord(port)), said)
	}
}

// creditEntry has a tunnel hear of packets that were seen at used, whose entry words are. t.mu is held.
func (t *Table) creditEntry(number uint32, words []uint64, used int64) {
	port := t.ports.byNumber[number]
	if port == nil {
		return
	}
	if p, ok := port.Tunnel.(rules.TunnelEntrance); ok {
		s := t.tunnellings.Get().(*tunnelling) // for the sake of its Entry, which would be garbage each time
		defer t.tunnellings.Put(s)
		s.Entry = rules.EntryOf(words)
		p.Entered(&s.Entry, used)
	}
}

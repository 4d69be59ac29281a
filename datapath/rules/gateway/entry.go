package gateway

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
)

// entryWords is how many words an entry has in a trail: VNI and port in one, the Ethernet address in another.
const entryWords = 2

func appendEntry(trail []uint64, e *rules.Entry) []uint64 {
	return append(trail, uint64(e.VNI)<<32|uint64(e.Port), uint64(fdb.MakeKey(0, e.Src)))
}

func entryOf(w []uint64) rules.Entry {
	return rules.Entry{VNI: uint32(w[0] >> 32), Port: uint32(w[0]), Src: fdb.Key(w[1]).MAC()}
}

// relateEntry has a tunnel hear of packets that have gone into it and were seen at used. The caller holds a lock.
func (t *Table) relateEntry(port uint32, words []uint64, used int64) {
	p := t.state.ports[port]
	if p == nil {
		return
	}
	if tun, ok := p.Tunnel.(rules.TunnelEntrance); ok {
		e := entryOf(words)
		tun.Entered(&e, used)
	}
}

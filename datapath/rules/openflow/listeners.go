package openflow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/datapath/rules/mdb"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Listeners returns what multicast snooping knows. The ports are datapath ports.
func (t *Table) Listeners() []mdb.Entry { return t.mdb.Entries(t.clock()) }

// FlushListeners makes multicast snooping forget what f selects and returns how much.
func (t *Table) FlushListeners(f mdb.Filter) int {
	var c mdb.Changes
	n := t.mdb.Flush(f, &c)
	t.listenersChanged(&c)
	return n
}

// setSnooping changes the settings, which Check has found good.
func (t *Table) setSnooping(s Snooping) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.snooping == s {
		return
	}
	var c mdb.Changes
	t.mdb.SetOptions(s.options(), &c)
	if !s.Enabled {
		t.mdb.Flush(mdb.Filter{}, &c)
	}
	t.listenersChanged(&c)
	t.snooping = s
	t.log.add(change{tag: t.portsTag()}) // which all verdicts about packets to groups have
}

// listenersChanged logs what multicast snooping has learned or forgotten: packets to those groups may go
// elsewhere now.
func (t *Table) listenersChanged(c *mdb.Changes) {
	for _, key := range c.Groups {
		if !t.log.addListens(change{tag: t.listenersTag(key), match: groupMatch(key)}) {
			t.log.addCrowd(t.snoopingTag())
			break
		}
	}
	for _, vlan := range c.Routers {
		t.log.add(change{tag: t.routersTag(vlan)})
	}
}

// groupMatch returns what packets to a group are, their VLAN aside.
func groupMatch(key mdb.Key) *flow.Match {
	m := new(flow.Match)
	addr := key.Addr()
	if addr.Is4() {
		v4 := addr.As4()
		m.SetUint(flow.FieldEthType, wire.TypeIPv4)
		m.SetUint(flow.FieldIPDst, uint64(binary.BigEndian.Uint32(v4[:])))
		return m
	}
	all := [16]byte{}
	for i := range all {
		all[i] = 0xff
	}
	m.SetUint(flow.FieldEthType, wire.TypeIPv6)
	m.SetBytesMasked(flow.FieldIPv6Dst, key.Group[:], all[:])
	return m
}

// Tags of verdicts about multicast: one of 64 for each group in a VLAN, for the routers of each VLAN, and one
// that all of them have.
func (t *Table) listenersTag(key mdb.Key) uint64 {
	h := binary.BigEndian.Uint64(key.Group[:]) ^ uint64(key.VLAN)<<32
	h *= 0x9e3779b97f4a7c15
	return t.tag(h ^ h>>29 ^ binary.BigEndian.Uint64(key.Group[8:]))
}

func (t *Table) routersTag(vlan uint16) uint64 { return t.tag(3<<62 | 1<<32 | uint64(vlan)) }
func (t *Table) snoopingTag() uint64           { return t.tag(3<<62 | 2) }

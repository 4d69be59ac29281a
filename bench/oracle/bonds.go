package oracle

import (
	"time"

	"github.com/culvertdev/culvert/datapath/lacp"
	"github.com/culvertdev/culvert/datapath/rules/bond"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/encap/wire"
)

// bonds returns any bond of two or three ports of a scene that Culvert plays alone, or none.
func (g *generator) bonds() []openflow.Bond {
	first, n := 1+g.Uint32N(3), 2+g.Uint32N(2)
	b := openflow.Bond{VLAN: g.vlan(), Protected: g.one(6), Config: bond.Config{
		Name: "bond", Mode: pick(g, bond.ActiveBackup, bond.BalanceSLB, bond.BalanceSLB), Rebalance: pick(g, 0, time.Second),
		UpDelay: pick(g, 0, time.Second), DownDelay: pick(g, 0, time.Second), AllMembersActive: g.one(4), HashBasis: g.Uint32N(2),
	}}
	for number := first; number < first+n && number <= 5; number++ {
		b.Members = append(b.Members, bond.Member{Name: portName(number)})
	}
	if g.one(2) {
		b.LACP, b.FallbackAB, b.Fast = pick(g, bond.LACPActive, bond.LACPPassive), g.one(2), g.one(2)
		b.System = [6]byte{2, 0, 0, 0, 9, 9}
		b.Mode = pick(g, b.Mode, bond.BalanceTCP, bond.BalanceTCP)
	}
	if g.one(5) {
		return nil
	}
	return []openflow.Bond{b}
}

// partner returns what a partner says by LACP.
func (g *generator) partner() []byte {
	p := lacp.PDU{Actor: lacp.Info{
		System: [6]byte{2, 0, 0, 0, 8, 8}, Key: 1, Port: uint16(1 + g.IntN(5)),
		State: lacp.Activity | lacp.Aggregation | pick(g, lacp.Sync, lacp.Sync|lacp.Timeout, 0),
	}}
	data := append(make([]byte, 0, wire.EthernetSize+lacp.Size), lacp.Destination[:]...)
	data = append(data, 2, 0, 0, 0, 8, byte(p.Actor.Port), lacp.EtherType>>8, lacp.EtherType&0xff)
	return p.Append(data)
}

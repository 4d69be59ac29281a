package config

import (
	"github.com/culvertdev/culvert/datapath/rules/mdb"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// snoopingKeys are the keys of a bridge that readSnooping reads (ovs-vswitchd.conf.db(5), Bridge,
// mcast_snooping_enable and other_config).
var snoopingKeys = [...]string{
	"mcast-snooping-enable", "mcast-snooping-aging", "mcast-snooping-table-size", "mcast-snooping-disable-flood-unregistered",
}

// readSnooping reads how a bridge's NORMAL treats IP multicast.
func readSnooping(m *mapping, s *openflow.Snooping) {
	m.get(snoopingKeys[0], func(v value) { v.boolean(&s.Enabled) })
	m.get(snoopingKeys[1], func(v value) { v.duration(&s.Ageing, mdb.MinAgeing, mdb.MaxAgeing) })
	m.get(snoopingKeys[2], func(v value) { v.integer(&s.TableSize, mdb.MinCapacity, mdb.MaxCapacity) })
	m.get(snoopingKeys[3], func(v value) { v.boolean(&s.DropUnregistered) })
}

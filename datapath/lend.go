package datapath

import "github.com/culvertdev/culvert/datapath/rules"

// lend gives a bridge's new table what it wants of the switch. s.mu is held.
func (s *Switch) lend(br *bridge) {
	t := br.table
	if u, ok := rules.As[rules.SenderUser](t); ok {
		u.SetSender(&sender{s, br.nowhere.id})
	}
	if u, ok := rules.As[rules.MeterUser](t); ok {
		u.SetMeters(s.meters)
	}
}

// takeBack ends what lend began, once no packet meets the table any more.
func (s *Switch) takeBack(t rules.Table) {
	if u, ok := rules.As[rules.SenderUser](t); ok {
		u.SetSender(nil)
	}
	if u, ok := rules.As[rules.MeterUser](t); ok {
		u.SetMeters(nil)
	}
}

package datapath

import "github.com/culvertdev/culvert/datapath/rules"

// lend gives a table that is new to the switch what it wants of it.
func (s *Switch) lend(t rules.Table) {
	if u, ok := t.(rules.MeterUser); ok {
		u.SetMeters(s.meters)
	}
}

// takeBack ends what lend began, once no packet meets the table any more.
func (s *Switch) takeBack(t rules.Table) {
	if u, ok := t.(rules.MeterUser); ok {
		u.SetMeters(nil)
	}
}

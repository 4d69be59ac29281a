package metrics

import (
	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/ring/counter"
)

// lacpMessages are the kinds of a member's messages.
var lacpMessages = [...]counter.Desc{
	{Name: "lacp_received", Help: "Messages of LACP that bonds have received."},
	{Name: "lacp_bad", Help: "Of these, those that were none."},
	{Name: "lacp_sent", Help: "Messages of LACP that bonds have sent."},
}

// bond shows a bond and its members. Words that change are labels of series that are always 1, so that a look at what
// there is shows them; what alarms are made of has series of its own.
func (s *scrape) bond(b *api.Bond) {
	s.gauge(s.bondInfo, 1, b.Bridge, b.Name, b.Mode, b.LACP.Mode, b.LACP.Status)
	for i := range b.Members {
		m := &b.Members[i]
		s.flag(s.memberActive, b.Active == m.Port, b.Bridge, b.Name, m.Port)
		s.flag(s.memberEnabled, m.Enabled, b.Bridge, b.Name, m.Port)
		s.gauge(s.memberHashes, float64(m.Hashes), b.Bridge, b.Name, m.Port)
		s.gauge(s.memberLoad, float64(m.Load), b.Bridge, b.Name, m.Port)
		if l := m.LACP; l != nil {
			s.gauge(s.memberLACP, 1, b.Bridge, b.Name, m.Port, l.Status, l.Actor.State, l.Partner.State)
			for i, n := range [...]uint64{l.Received, l.Bad, l.Sent} {
				s.explain("event", lacpMessages[i])
				s.count(s.memberMessages, n, b.Bridge, b.Name, m.Port, lacpMessages[i].Name)
			}
		}
	}
}

package bond

import (
	"time"

	"github.com/culvertdev/culvert/datapath/lacp"
)

// A State is a bond for people to read.
type State struct {
	Config
	Status        Status
	Active        string        // name of the active member, "" if there is none
	NextRebalance time.Duration // until then; 0: there is none
	Members       []MemberState
	// What LACP says of the bond.
	System [6]byte
	Key    uint16
}

// A MemberState is a member for people to read. Members whose ports are not there are left out.
type MemberState struct {
	Name      string
	Enabled   bool
	MayEnable bool          // as link, LACP and users have it, whatever the delays
	Held      bool          // a user has disabled it
	Due       time.Duration // until Enabled follows; 0: it does
	Buckets   int           // hashes that go out by it
	Load      uint64        // bytes, older ones at half their weight with each rebalancing
	LACP      *LACPState    // nil: the bond does not speak it
}

// A LACPState is what LACP knows of a member.
type LACPState struct {
	Status              string // current, expired or defaulted
	Attached            bool
	Actor, Partner      lacp.Info
	Received, Bad, Sent uint64 // messages
}

// State returns the bond as it is at now.
func (b *Bond) State(now int64) State {
	s := State{Config: b.cfg, Status: b.status, System: b.system()}
	if b.active != nil {
		s.Active = b.active.Name
	}
	if b.nextRebalance != 0 {
		s.NextRebalance = time.Duration(max(0, b.nextRebalance-now))
	}
	if b.group != nil {
		s.Key = b.group.Key()
	}
	for _, m := range b.members {
		one := MemberState{Name: m.Name, Enabled: m.enabled, MayEnable: b.mayEnable(m), Held: b.held[m.Name]}
		if m.due != never {
			one.Due = time.Duration(max(0, m.due-now))
		}
		for i, of := range b.buckets {
			if of == m {
				one.Buckets++
				one.Load += b.load[i].Load()
			}
		}
		if l := m.lacp; l != nil {
			one.LACP = &LACPState{
				Status: l.Status(), Attached: l.Attached(), Actor: l.Actor(), Partner: l.Partner(),
				Received: l.Received, Bad: l.Bad, Sent: l.Sent,
			}
		}
		s.Members = append(s.Members, one)
	}
	return s
}

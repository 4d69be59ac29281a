// Package bond is a bond of links: which of them carry packets, which is the active one, and which link a packet of
// some hash goes out by, as ovs-vswitchd.conf.db(5) ("Bonding Configuration") has it and Open vSwitch 3.1 does it.
//
// A [Bond] knows no packets and no rules; it is told the time, the carriers and what LACP hears, and says what has
// changed, so that who has decided by it can decide anew.
//
// Thread-safety: what reads may be called at the same time, and Account at any time; what changes a Bond, and
// everything else, one at a time. Times are nanoseconds on any monotonic clock.
package bond

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Mode is how packets are shared out to the members.
type Mode uint8

// Modes (ovs-vswitchd.conf.db(5), bond_mode).
const (
	ActiveBackup Mode = iota // all by the active member
	BalanceSLB               // by source address and VLAN
	BalanceTCP               // by addresses and ports, with a partner that LACP has found
)

// Modes returns the names of the modes, by Mode.
func Modes() []string { return []string{"active-backup", "balance-slb", "balance-tcp"} }

// String returns the name in ovs-vswitchd.conf.db(5).
func (m Mode) String() string { return Modes()[m] }

// LACP says whether a bond speaks that protocol.
type LACP uint8

// Values of LACP (ovs-vswitchd.conf.db(5), lacp).
const (
	LACPOff LACP = iota
	LACPActive
	LACPPassive // answers only
)

// LACPs returns the names of the values, by LACP.
func LACPs() []string { return []string{"off", "active", "passive"} }

// String returns the name in ovs-vswitchd.conf.db(5).
func (l LACP) String() string { return LACPs()[l] }

// Bounds of a configuration.
const (
	MaxMembers   = 32
	MinRebalance = time.Second // ovs-vswitchd.conf.db(5), bond-rebalance-interval; 0 is never
	// DefaultRebalance is the interval where nobody says one, DefaultPriority that of LACP's system and ports.
	DefaultRebalance = 10 * time.Second
	DefaultPriority  = 0xffff
)

// A Config is the settings of a bond.
type Config struct {
	Name               string // unique in its bridge, apart from ports
	Members            []Member
	Mode               Mode
	UpDelay, DownDelay time.Duration // for which a carrier must have come or gone; not with LACP
	Primary            string        // member that is the active one whenever it can; "": none
	Rebalance          time.Duration // between two looks at the load; 0: never
	HashBasis          uint32
	// AllMembersActive lets multicast and broadcast packets in by all members, without LACP.
	AllMembersActive bool

	LACP           LACP
	Fast           bool // the partner is to send every second
	FallbackAB     bool // active-backup while LACP hears nobody; otherwise nothing passes then
	System         [6]byte
	SystemPriority uint16 // System zero: the least address of the members
}

// A Member is what a bond says of one of its ports.
type Member struct {
	Name     string // the port's
	Port     uint16 // LACP's number of it; 0: its OpenFlow number
	Priority uint16 // LACP's
	Key      uint16 // LACP's; 0: as the first member's number
}

// Check says what is wrong with a configuration.
func (c *Config) Check() error {
	names := make(map[string]bool)
	for i := range c.Members {
		if names[c.Members[i].Name] {
			return fmt.Errorf("bond %s: member %s stands there twice", c.Name, c.Members[i].Name)
		}
		names[c.Members[i].Name] = true
	}
	switch {
	case c.Name == "":
		return errors.New("a bond needs a name")
	case len(c.Members) == 0 || len(c.Members) > MaxMembers:
		return fmt.Errorf("bond %s: want 1 to %d members, found %d", c.Name, MaxMembers, len(c.Members))
	case c.Primary != "" && !names[c.Primary]:
		return fmt.Errorf("bond %s: bond-primary %s is not one of its members", c.Name, c.Primary)
	case c.Rebalance != 0 && c.Rebalance < MinRebalance:
		return fmt.Errorf("bond %s: bond-rebalance-interval %s: want 0 or %s at least", c.Name, c.Rebalance, MinRebalance)
	case c.Mode == BalanceTCP && c.LACP == LACPOff:
		return fmt.Errorf("bond %s: balance-tcp needs lacp active or passive: without it nothing passes", c.Name)
	}
	return nil
}

// Equal reports whether two configurations are the same.
func (c *Config) Equal(o *Config) bool {
	a, b := *c, *o
	a.Members, b.Members = nil, nil
	return slices.Equal(c.Members, o.Members) && equalButMembers(&a, &b)
}

func equalButMembers(a, b *Config) bool {
	return a.Name == b.Name && a.Mode == b.Mode && a.UpDelay == b.UpDelay && a.DownDelay == b.DownDelay && a.Primary == b.Primary &&
		a.Rebalance == b.Rebalance && a.HashBasis == b.HashBasis && a.AllMembersActive == b.AllMembersActive && a.LACP == b.LACP &&
		a.Fast == b.Fast && a.FallbackAB == b.FallbackAB && a.System == b.System && a.SystemPriority == b.SystemPriority
}

package api

// Bond is a bond and what has become of it.
type Bond struct {
	Bridge string `json:"bridge"`
	Name   string `json:"name"`
	Mode   string `json:"mode"`             // active-backup, balance-slb or balance-tcp
	Active string `json:"active,omitempty"` // the active member; empty: none
	// Primary is the member that is to be the active one; empty: none.
	Primary          string       `json:"primary,omitempty"`
	HashBasis        uint32       `json:"hash_basis"`
	UpDelaySeconds   float64      `json:"updelay_seconds"`
	DownDelaySeconds float64      `json:"downdelay_seconds"`
	RebalanceSeconds float64      `json:"rebalance_seconds"` // until loads are shared out anew; 0: they are not
	AllMembersActive bool         `json:"all_members_active"`
	LACP             LACP         `json:"lacp"`
	Members          []BondMember `json:"members"` // those whose ports are there
}

// LACP is what a bond says to its partner, and what has come of it.
type LACP struct {
	Mode       string `json:"mode"`   // off, active or passive
	Status     string `json:"status"` // off, configured (nobody is heard) or negotiated
	Fast       bool   `json:"fast"`
	FallbackAB bool   `json:"fallback_ab"`
	// What the bond says of itself; left out when the mode is off.
	System         string `json:"system,omitempty"`
	SystemPriority uint16 `json:"system_priority,omitempty"`
	Key            uint16 `json:"key,omitempty"`
}

// BondMember is a member of a bond.
type BondMember struct {
	Port       string      `json:"port"`
	Enabled    bool        `json:"enabled"`               // it carries packets
	MayEnable  bool        `json:"may_enable"`            // its link, LACP and users let it
	Disabled   bool        `json:"disabled,omitempty"`    // by a user
	DueSeconds float64     `json:"due_seconds,omitempty"` // until it is enabled or not as its link is
	Hashes     int         `json:"hashes"`                // of 256, those that leave by it
	Load       uint64      `json:"load"`                  // bytes, older ones at half their weight with each rebalancing
	LACP       *MemberLACP `json:"lacp,omitempty"`
}

// MemberLACP is what LACP knows of a member.
type MemberLACP struct {
	Status   string  `json:"status"` // current, expired or defaulted
	Attached bool    `json:"attached"`
	Actor    LACPEnd `json:"actor"`
	Partner  LACPEnd `json:"partner"`
	Received uint64  `json:"received"`
	Bad      uint64  `json:"bad"` // of these
	Sent     uint64  `json:"sent"`
}

// LACPEnd is one end of a link as LACP describes it.
type LACPEnd struct {
	System         string `json:"system"`
	SystemPriority uint16 `json:"system_priority"`
	Port           uint16 `json:"port"`
	PortPriority   uint16 `json:"port_priority"`
	Key            uint16 `json:"key"`
	State          string `json:"state"` // words of ovs-appctl lacp/show
}

// BondPort names a member of a bond.
type BondPort struct {
	Bridge string `json:"bridge,omitempty"` // may be empty when there is one only
	Bond   string `json:"bond"`
	Port   string `json:"port"`
}

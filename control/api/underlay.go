package api

// Underlay is what tunnels stand on.
type Underlay struct {
	Interfaces []UnderlayInterface `json:"interfaces"`
	Routes     []UnderlayRoute     `json:"routes"` // one for each way to a prefix
	Neighbours []UnderlayNeighbour `json:"neighbours"`
	Counters   []Counter           `json:"counters"`
}

// UnderlayInterface is what a port has of addresses.
type UnderlayInterface struct {
	Port      string   `json:"port"`
	MAC       string   `json:"mac,omitempty"`
	Addresses []string `json:"addresses"`      // with prefix lengths; link-local ones, too
	VLAN      int      `json:"vlan,omitempty"` // 0: no tag
	MTU       int      `json:"mtu"`            // bytes of the largest IP packet; 0: not known
	Up        bool     `json:"up"`
	Kernel    bool     `json:"kernel,omitempty"` // the kernel's
}

// UnderlayRoute is a way to a prefix, or says that there is none.
type UnderlayRoute struct {
	To   string `json:"to"`
	Via  string `json:"via,omitempty"` // router; empty: reached directly
	Port string `json:"port"`          // empty: there is no way, see Refused
	// Refused, where there is no way: "nowhere", and shorter prefixes of the kernel's do not lead there either, or "throw", and what comes behind the kernel's table is asked.
	Refused string `json:"refused,omitempty"`
	// Mark of packets that the way is for, as 0x5, or with a mask as 0x10/0xf0; empty: for packets without one, and if the route is of the kernel's table main for all that no rule leads elsewhere.
	Mark string `json:"mark,omitempty"`
}

// UnderlayNeighbour is a host that packets go to, or would.
type UnderlayNeighbour struct {
	Port       string  `json:"port"`
	Address    string  `json:"address"`
	MAC        string  `json:"mac,omitempty"`
	State      string  `json:"state"`       // "asked", "failed", "answered", "silent" or "kernel"
	AgeSeconds float64 `json:"age_seconds"` // since it last answered, or failed
}

package api

// Tunnel is a port whose packets travel inside others.
type Tunnel struct {
	Port    string `json:"port"`
	Bridge  string `json:"bridge"`
	Type    string `json:"type"`
	Remote  string `json:"remote"` // an address, "flow" or "lookup"
	Local   string `json:"local"`  // an address, "flow" or "any": the underlay's
	InKey   string `json:"in_key"` // a number, "flow" or "none"
	OutKey  string `json:"out_key"`
	UDPPort int    `json:"udp_port,omitempty"`
	Profile string `json:"profile,omitempty"` // who is asked, with remote "lookup"
	MTU     int    `json:"mtu,omitempty"`     // bytes of the largest inner layer-3 packet; of several ends the least; 0: not known
	Way     string `json:"way,omitempty"`     // of a fixed remote end
	Reason  string `json:"reason,omitempty"`  // why there is no way
	// Counters are the port's.
	Counters []Counter `json:"counters"`
}

// ProfileName names a profile.
type ProfileName struct {
	Name string `json:"name,omitempty"` // empty: all, in short
}

// Profile is who knows behind which ends of tunnels guests are. Guests and Answers are there if it was asked for by name.
type Profile struct {
	Name         string    `json:"name"`
	Lookup       Plugin    `json:"lookup"`
	Invalidation *Plugin   `json:"invalidation,omitempty"`
	Suppress     bool      `json:"suppress"`
	FloodUnknown bool      `json:"flood_unknown"`
	Open         bool      `json:"open"`
	Error        string    `json:"error,omitempty"` // why it is not open
	Fault        string    `json:"fault,omitempty"` // what the look-up did wrong last
	Known        int       `json:"known"`           // answers
	Negative     int       `json:"negative"`        // answers that there is nobody, and questions without an answer
	Waiting      int       `json:"waiting"`         // questions that wait for their first answer
	Here         int       `json:"here"`            // guests here that others are told of
	Guests       []Guest   `json:"guests,omitempty"`
	Answers      []Answer  `json:"answers,omitempty"`
	Counters     []Counter `json:"counters"`
}

// Plugin is one plug-in of a profile.
type Plugin struct {
	Kind string `json:"kind"`
	Up   bool   `json:"up"`             // it can answer
	Text string `json:"text,omitempty"` // why not, or whom it talks to
}

// Guest is a guest of a virtual network that is here.
type Guest struct {
	VNI uint32 `json:"vni"`
	MAC string `json:"mac"`
	IP  string `json:"ip,omitempty"`
	End string `json:"end"` // by which others reach it
}

// Answer is what a profile knows about one question: an Ethernet address, an IP address, or who gets what goes to all.
type Answer struct {
	VNI         uint32   `json:"vni"`
	MAC         string   `json:"mac,omitempty"` // what was asked for, or who has IP
	IP          string   `json:"ip,omitempty"`
	Flood       bool     `json:"flood,omitempty"`
	State       string   `json:"state"` // "asked", "known", "none" or "unanswered"
	Stale       bool     `json:"stale,omitempty"`
	Ends        []string `json:"ends,omitempty"`
	LeftSeconds float64  `json:"left_seconds"` // until it is asked for again
}

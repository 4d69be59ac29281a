package api

// TraceQuery is a packet whose way through a bridge is asked for.
type TraceQuery struct {
	Bridge string `json:"bridge,omitempty"` // may be empty when there is one only
	Flow   string `json:"flow"`             // in the syntax of ovs-ofctl's matches, with in_port
	// Packet is the packet in hexadecimal; the flow then only says what a packet does not carry itself.
	Packet string `json:"packet,omitempty"`
	// Generate: rules that look at packets get one made from the flow.
	Generate bool `json:"generate,omitempty"`
	Names    bool `json:"names,omitempty"` // ports by name in text, flows and actions
}

// TraceAnswer is what would become of the packet.
type TraceAnswer struct {
	Text string `json:"text"` // as ofproto/trace prints it
	// Tunnel is the port of the tunnel that the packet came out of, without its outer headers; none: it was in none.
	Tunnel string      `json:"tunnel,omitempty"`
	Looks  []TraceLook `json:"looks"` // one, and one more each time the packet is taken up again
}

// TraceLook is one look-up of a traced packet.
type TraceLook struct {
	RecircID  uint32 `json:"recirc_id,omitempty"`
	Flow      string `json:"flow"`
	FinalFlow string `json:"final_flow,omitempty"` // none: the rule table does not say
	Megaflow  string `json:"megaflow"`
	Actions   string `json:"actions"`         // the datapath's
	Drop      string `json:"drop,omitempty"`  // name of the reason
	Error     string `json:"error,omitempty"` // why the rule table could not decide
	// Cache is what would answer now: "emc", "megaflow" or "slow"; Workers are those whose exact-match cache would.
	Cache   string `json:"cache"`
	Workers []int  `json:"workers,omitempty"`
}

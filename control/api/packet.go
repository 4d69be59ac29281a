package api

// PacketOut is a packet for a bridge and what to do with it, as ovs-ofctl packet-out takes it:
// "in_port=1 packet=0102… actions=output:2".
type PacketOut struct {
	Bridge string `json:"bridge,omitempty"`
	Text   string `json:"text"`
}

// PacketResume lets a paused packet go on. What it is now is given back: the bytes and the match of the PacketIn, or
// others in their place.
type PacketResume struct {
	Bridge       string `json:"bridge,omitempty"`
	Continuation string `json:"continuation"` // of the PacketIn
	Match        string `json:"match"`        // in_port, registers, metadata and tunnel fields
	Data         string `json:"data"`         // the whole packet in hex
}

// MonitorNext asks for what has happened since it was asked last. The first time Session is empty, and the
// answer, which comes at once, names it; later ones wait for something to happen.
type MonitorNext struct {
	Bridge      string  `json:"bridge,omitempty"`
	Session     string  `json:"session,omitempty"`
	Packets     bool    `json:"packets,omitempty"` // packets that actions sent to controllers
	Flows       bool    `json:"flows,omitempty"`   // flows that come, change and go
	Watch       *string `json:"watch,omitempty"`   // those flows that this says, as ovs-ofctl takes it behind watch:
	Controller  uint16  `json:"controller,omitempty"`
	WaitSeconds float64 `json:"wait_seconds,omitempty"` // at most 30
}

// MonitorEvents is what has happened, in order. What the session's queue had no room for is counted in Lost.
type MonitorEvents struct {
	Session string         `json:"session"`
	Events  []MonitorEvent `json:"events"`
	Lost    uint64         `json:"lost"`
}

// MonitorEvent is a packet or a change of a flow: one of the two.
type MonitorEvent struct {
	Flow   string    `json:"flow,omitempty"` // as ovs-ofctl monitor prints it
	Packet *PacketIn `json:"packet,omitempty"`
}

// PacketIn is a packet that an action sent to controllers.
type PacketIn struct {
	Reason       string `json:"reason"`
	Controller   uint16 `json:"controller"`
	Table        uint8  `json:"table"`
	Cookie       string `json:"cookie"`
	InPort       uint32 `json:"in_port"`
	Match        string `json:"match"` // in_port; of registers, metadata and tunnel fields those that are not zero
	Size         int    `json:"size"`  // bytes of the whole packet
	Data         string `json:"data"`  // its front, in hex
	UserData     string `json:"userdata,omitempty"`
	Continuation string `json:"continuation,omitempty"` // of a paused packet
	Text         string `json:"text"`                   // as ovs-ofctl monitor prints it
}

package api

// NewMirror is a mirror to be added to a bridge.
type NewMirror struct {
	Bridge string `json:"bridge,omitempty"` // may be empty when there is one only
	MirrorConfig
}

// MirrorConfig says which packets of a bridge a mirror copies, and where to (ovs-vswitchd.conf.db(5), Mirror
// table).
type MirrorConfig struct {
	Name      string   `json:"name"`
	SelectAll bool     `json:"select_all,omitempty"`
	SelectSrc []string `json:"select_src_port,omitempty"` // ports by name
	SelectDst []string `json:"select_dst_port,omitempty"`
	VLANs     []int    `json:"select_vlan,omitempty"` // empty: all
	// Either a port or a VLAN.
	OutputPort string `json:"output_port,omitempty"`
	OutputVLAN int    `json:"output_vlan,omitempty"`
	Snaplen    int    `json:"snaplen,omitempty"` // bytes; 0: all
}

// MirrorName names a mirror.
type MirrorName struct {
	Bridge string `json:"bridge,omitempty"`
	Name   string `json:"name"`
}

// Mirror is a mirror and what it has selected.
type Mirror struct {
	Bridge string `json:"bridge"`
	MirrorConfig
	Active  bool   `json:"active"` // the port that it sends to is there
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

package api

// TLVOptions are tunnel options of a bridge, as text: "{class=0x102,type=0x80,len=4}->tun_metadata0".
type TLVOptions struct {
	Bridge  string   `json:"bridge,omitempty"`
	Options []string `json:"options"`
}

// TLVMap is the tunnel options that a bridge's rules know.
type TLVMap struct {
	Bridge    string      `json:"bridge"`
	UsedBytes int         `json:"used_bytes"` // of the room for values
	MaxBytes  int         `json:"max_bytes"`
	Options   []TLVOption `json:"options"`
	Text      string      `json:"text"` // as ovs-ofctl dump-tlv-map prints it
}

// TLVOption is one tunnel option.
type TLVOption struct {
	Class  int    `json:"class"`
	Type   int    `json:"type"`
	Length int    `json:"length"` // bytes
	Field  string `json:"field"`
}

package api

// MeterText names meters as text, in the syntax of ovs-ofctl add-meter: "meter=1,kbps,band=type=drop,rate=1000".
type MeterText struct {
	Bridge string   `json:"bridge,omitempty"` // may be empty where there is one bridge
	Meters []string `json:"meters"`
}

// MeterID names a meter by its number, "controller" or "slowpath"; empty means all.
type MeterID struct {
	Bridge string `json:"bridge,omitempty"`
	Meter  string `json:"meter,omitempty"`
}

// Meter is a meter and what it has counted.
type Meter struct {
	Bridge  string      `json:"bridge"`
	Meter   string      `json:"meter"`
	Unit    string      `json:"unit"` // kbps or pktps
	Flows   int         `json:"flows"`
	Packets uint64      `json:"packets"`
	Bytes   uint64      `json:"bytes"`
	Bands   []MeterBand `json:"bands"`
	Config  string      `json:"config"` // as ovs-ofctl dump-meters prints it
	Stats   string      `json:"stats"`  // as ovs-ofctl meter-stats prints it
}

// MeterBand is one band of a meter and what it has dropped.
type MeterBand struct {
	Rate    uint32 `json:"rate"`
	Burst   uint32 `json:"burst"` // 0: as much as in a second
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

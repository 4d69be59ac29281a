package flood

// Counts are numbers of packets.
type Counts struct {
	Received uint64 `json:"received,omitempty"` // that arrived at either guest
	Offered  uint64 `json:"offered,omitempty"`  // that were given to the switch, by putting them into a ring
	Starved  uint64 `json:"starved,omitempty"`  // of those offered, the ones that the switch, which had taken all before them, may have waited for
}

// Since returns what was added to earlier counts.
func (c Counts) Since(before Counts) Counts {
	return Counts{c.Received - before.Received, c.Offered - before.Offered, c.Starved - before.Starved}
}

// Limited reports whether it was the generator that limited the rate: the switch may have waited for a tenth of the packets or more. Where it has less
// to do than that, it is busy less than nine tenths of the time, which is where rows of the bench draw the line.
func (c Counts) Limited() bool { return c.Starved > 0 && c.Starved*10 >= c.Offered }

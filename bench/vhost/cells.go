package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A cell is one place of the table: what all its contenders are measured with.
type cell struct {
	Rings string `json:"rings"`                                  // split or packed
	Size  int    `json:"packet_bytes_with_frame_check_sequence"` // what is called 64 bytes are 60 in memory
	Row   string `json:"row"`
}

func (c cell) String() string { return fmt.Sprintf("%s, %d bytes, %s", c.Rings, c.Size, c.Row) }

// A row says what a switch is to do with packets.
type row struct {
	name  string
	flows int      // that the generator makes, of each port; 0: it is about the latency of single packets, or packets go one way
	way   *way     // packets go one way, from guests of this process; nil: testpmd's, both ways
	fresh bool     // more than any cache has room for: each packet is the first of a flow, or of one long forgotten
	rules []string // in the syntax of ovs-ofctl; nil: no look-up at all
}

// hitShare is the least share of packets that must be looked up as the row says.
const hitShare = 0.9

// pick returns the share of the packets that the row is about: those that were looked up by the port alone, those
// that the exact-match cache knew, or those that no cache knew.
func (r row) pick(port, exact, new float64) float64 {
	switch {
	case r.fresh:
		return new
	case strings.Contains(r.rules[0], "ip"):
		return exact
	}
	return port
}

// rows are what is measured. The generator varies the destination address within 10.253.0.0/16.
func rows() []row {
	byAddress := []string{"ip,in_port=1,nw_dst=10.253.0.0/16,actions=output:2", "ip,in_port=2,nw_dst=10.253.0.0/16,actions=output:1"}
	byPort := []string{"in_port=1,actions=output:2", "in_port=2,actions=output:1"}
	return append([]row{
		{name: "no look-up", flows: 1024},
		{name: "rule on the port alone", flows: 1024, rules: byPort},
		{name: "exact match, 1 flow", flows: 1, rules: byAddress},
		{name: "exact match, 1024 flows", flows: 1024, rules: byAddress},
		{name: "latency at low load", rules: byPort},
		{name: "new flows", flows: 1 << 27, fresh: true, rules: newFlows()},
	}, tunnelRows()...)
}

// newFlows are rules by which every destination is a megaflow of its own: addresses moved into a register count whole.
func newFlows() []string {
	return []string{
		"table=0,ip,actions=move:NXM_OF_IP_DST[]->NXM_NX_REG0[],resubmit(,1)",
		"table=1,priority=20,ip,nw_src=192.0.2.0/24,actions=drop",
		"table=1,priority=20,ip,reg0=0x12345678,actions=drop",
		"table=1,priority=10,ip,in_port=1,actions=output:2",
		"table=1,priority=10,ip,in_port=2,actions=output:1",
	}
}

// A plan is the cells of a run, rows of one cell's packets next to each other.
func plan(rings, sizes, names string) (cells []cell, err error) {
	all := rows()
	for _, r := range split(rings) {
		if r != "split" && r != "packed" {
			return nil, fmt.Errorf("--rings %q: want split or packed", r)
		}
		for _, s := range split(sizes) {
			size, err := strconv.Atoi(s)
			if err != nil || size < 64 || size > 1518 {
				return nil, fmt.Errorf("--sizes %q: want 64 to 1518 bytes", s)
			}
			for i, row := range all {
				if names == "" && !row.fresh && row.way == nil || slices.Contains(split(names), fmt.Sprint(i)) {
					if row.way != nil && size > longestInner {
						return nil, fmt.Errorf("--sizes %d with --rows %d: want at most %d bytes, which fit the tunnel", size, i, longestInner)
					}
					cells = append(cells, cell{r, size, row.name})
				}
			}
		}
	}
	if len(cells) == 0 {
		return nil, fmt.Errorf("--rows %q: want numbers from 0 to %d", names, len(all)-1)
	}
	return cells, nil
}

func split(list string) []string { return strings.Split(list, ",") }

// row returns the cell's row.
func (c cell) row() row {
	all := rows()
	return all[slices.IndexFunc(all, func(r row) bool { return r.name == c.Row })]
}

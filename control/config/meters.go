package config

import "github.com/culvertdev/culvert/datapath/rules/openflow"

// maxPacketIns bounds the rate and burst of packets to controllers.
const maxPacketIns = 1000000

// meterList reads the meters of a bridge, each of a number of its own.
func (r *bridges) meterList(v value) []openflow.Meter {
	var list []openflow.Meter
	seen := make(map[uint32]bool)
	for _, e := range v.list("a list of meters") {
		text := ""
		e.text(&text, `a meter such as "meter=1,kbps,band=type=drop,rate=1000"`, nil)
		if text == "" {
			continue
		}
		m, err := openflow.ParseMeter(text)
		switch {
		case err != nil:
			e.fail("%v", err)
		case seen[m.ID]:
			e.fail("meter %s: want a number of its own, found it twice", openflow.MeterName(m.ID))
		default:
			seen[m.ID] = true
			list = append(list, m)
		}
	}
	return list
}

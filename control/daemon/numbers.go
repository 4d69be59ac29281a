package daemon

import (
	"github.com/culvertdev/culvert/control/config"
)

// assignNumbers gives an OpenFlow number to the ports of a bridge that the configuration leaves without
// one: the number the port has now, if no other port claims it, otherwise the lowest that is free. So
// rules can name ports before the ports are there, and a reload moves none.
func assignNumbers(ports []config.Port, now map[string]uint32) []config.Port {
	taken := make(map[uint32]bool, len(ports))
	for _, p := range ports {
		taken[p.Number] = true
	}
	numbered := make([]config.Port, len(ports))
	copy(numbered, ports)
	for i := range numbered {
		p := &numbered[i]
		if n := now[p.Name]; p.Number == 0 && n != 0 && !taken[n] {
			p.Number = n
			taken[n] = true
		}
	}
	next := uint32(1)
	for i := range numbered {
		p := &numbered[i]
		if p.Number != 0 {
			continue
		}
		for taken[next] {
			next++
		}
		p.Number = next
		taken[next] = true
	}
	return numbered
}

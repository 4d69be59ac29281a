package datapath

import (
	"cmp"
	"slices"

	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/ring/counter"
)

// PortFlows is what one port has in the flow cache and has asked of the slow path.
type PortFlows struct {
	Name string
	flowcache.PortUse
	New []counter.Sample // what became of packets that no cache knew
}

// What the flow cache knows of a port, for people.
var (
	narrowedDesc = counter.Desc{Name: "narrowed", Help: "Flows of the port put under a more specific mask because it had all the masks it may have."}
	deferredDesc = counter.Desc{Name: "deferred", Help: "Flows of the port not cached because it was short of room and this was their first packet; it was served."}
	refusedDesc  = counter.Desc{Name: "over_share", Help: "Flows of the port not cached because it had its share of the cache; their packets were served."}
)

// PortFlows returns what each port has in the flow cache, by bridge and OpenFlow number.
func (s *Switch) PortFlows() []PortFlows {
	s.mu.Lock()
	defer s.mu.Unlock()
	ports := make([]*port, 0, len(s.ports))
	for _, p := range s.ports {
		ports = append(ports, p)
	}
	slices.SortFunc(ports, func(a, b *port) int {
		return cmp.Or(cmp.Compare(a.bridge.name, b.bridge.name), cmp.Compare(a.number, b.number))
	})
	all := make([]PortFlows, len(ports))
	for i, p := range ports {
		f := &all[i]
		f.Name = p.cfg.Name
		for _, v := range p.views {
			f.New = v.fresh.Samples(f.New)
		}
		f.PortUse = s.flows.PortUse(p.id)
		f.New = append(counter.Sum(p.share.Counters().Samples(f.New)),
			counter.Sample{Desc: narrowedDesc, Value: f.Narrowed}, counter.Sample{Desc: refusedDesc, Value: f.Refused},
			counter.Sample{Desc: deferredDesc, Value: f.Deferred})
	}
	return all
}

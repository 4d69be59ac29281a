package daemon

import (
	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// ConfigError returns the errors of a configuration as they go over the control socket.
func ConfigError(errs config.Errors) *api.Error {
	e := api.Errorf(api.BadConfig, "%v", errs)
	for _, one := range errs {
		e.Problems = append(e.Problems, api.Problem{
			File: one.File, Line: one.Line, Column: one.Column, Key: one.Key, Text: one.Problem,
		})
	}
	return e
}

func apiCounters(samples []counter.Sample) []api.Counter {
	all := make([]api.Counter, 0, len(samples))
	for _, s := range counter.Sum(samples) {
		kind := "event"
		switch s.Kind {
		case counter.Drop:
			kind = "drop"
		case counter.Bytes:
			kind = "bytes"
		case counter.Fault:
			kind = "fault"
		}
		all = append(all, api.Counter{Name: s.Name, Value: s.Value, Kind: kind, Help: s.Help})
	}
	return all
}

// apiLosses returns what ports dropped, all together, and what those at their other sides did wrong.
func apiLosses(ports []datapath.PortStatus) (drops []api.Counter, faults []api.Fault) {
	var dropped []counter.Sample
	faults = []api.Fault{}
	for i := range ports {
		var wrong []counter.Sample
		for _, s := range ports[i].Samples {
			switch s.Kind {
			case counter.Drop:
				dropped = append(dropped, s)
			case counter.Fault:
				wrong = append(wrong, s)
			}
		}
		for _, c := range apiCounters(wrong) {
			faults = append(faults, api.Fault{Port: ports[i].Name, Counter: c})
		}
	}
	return apiCounters(dropped), faults
}

func apiPort(p *datapath.PortStatus) api.Port {
	out := api.Port{
		Name: p.Name, Bridge: p.Bridge, Number: p.Number, ID: p.ID,
		Type: p.Config.Driver, Options: p.Config.Options, VLAN: api.VLAN(config.VLANOf(p.Config.VLAN)),
		Protected: p.Config.Protected, PortMulticast: api.PortMulticast(p.Config.Multicast), Settings: portSettings(p.Flags), Limits: api.PortLimits(p.Config.Limits),
		Open: p.Open, LinkUp: p.LinkUp, Reopens: p.Reopens,
		MAC: p.Info.MAC.String(), MTU: p.Info.MTU, NUMA: p.Info.NUMA,
		Counters: apiCounters(p.Samples), Queues: make([]api.Queue, 0, len(p.Queues)),
	}
	if p.Err != nil {
		out.Error = p.Err.Error()
	}
	for _, n := range p.Info.Notes {
		out.Notes = append(out.Notes, api.Note(n))
	}
	for _, q := range p.Queues {
		direction := "rx"
		if q.Tx {
			direction = "tx"
		}
		out.Queues = append(out.Queues, api.Queue{
			Direction: direction, Index: q.Index, Worker: q.Worker,
			Cycles: q.Cycles, Packets: q.Packets, Counters: apiCounters(q.Samples),
		})
	}
	return out
}

func apiFlows(f datapath.FlowStats) api.Flows {
	return api.Flows{Flows: f.Flows, Capacity: f.Capacity, Counters: apiCounters(f.Samples)}
}

func apiPortFlows(ports []datapath.PortFlows) []api.PortFlows {
	all := make([]api.PortFlows, 0, len(ports))
	for _, p := range ports {
		all = append(all, api.PortFlows{
			Port: p.Name, Flows: p.Flows, Guaranteed: p.Guaranteed, Masks: p.Masks, MaskLimit: p.MaskLimit,
			Lookups: p.Lookups, Probes: p.Probes, New: apiCounters(p.New),
		})
	}
	return all
}

func apiBridgeCounters(bridges []datapath.BridgeStats) []api.BridgeCounters {
	all := make([]api.BridgeCounters, 0, len(bridges))
	for _, b := range bridges {
		all = append(all, api.BridgeCounters{Bridge: b.Name, Counters: apiCounters(b.Samples)})
	}
	return all
}

func apiWorkers(workers []datapath.WorkerStats) []api.Worker {
	all := make([]api.Worker, 0, len(workers))
	for _, w := range workers {
		all = append(all, api.Worker{
			ID: w.ID, CPU: w.CPU, Hertz: w.Frequency, Spins: w.Spins,
			BusyCycles: w.BusyCycles, IdleCycles: w.IdleCycles, ControlCycles: w.ControlCycles,
			SleptNs: int64(w.Slept), Sleeps: w.Sleeps,
			Packets: w.Packets, Polls: w.Polls, EmptyPolls: w.EmptyPolls, OverBudget: w.OverBudget, Moves: w.Moves,
			Cycle: apiDurations(&w.Cycle), Wake: apiDurations(&w.Wake),
			Stages: api.Stages{Packets: w.Stages.Packets, Cycles: apiCounters(w.Stages.Samples())},
			Caches: apiCounters(w.Caches), Events: apiCounters(w.Events), Drops: apiCounters(w.Drops),
		})
	}
	return all
}

func apiDurations(h *pmd.Histogram) api.Durations {
	return api.Durations{
		Count: h.Count(), SumNs: int64(h.Sum), MaxNs: int64(h.Max),
		P50Ns: int64(h.Quantile(0.5)), P99Ns: int64(h.Quantile(0.99)),
	}
}

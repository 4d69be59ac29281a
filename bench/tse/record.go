package main

import (
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

// What is taken of each phase.
const (
	measureBeside = "beside"
	measureBehind = "behind"
	measureNew    = "new flows"
	measureEach   = "CPU time for each"
)

// run is what of a run is known before it begins.
func (o options) run(versions map[string]string, commands ...string) result.Run {
	title := "What a tuple space explosion leaves to others"
	if o.newFlows {
		title = "New flows a second"
	}
	return result.Run{
		Program: "tse", Title: title, Machine: machine.TakeFingerprint(), Versions: versions, Commands: commands,
		Setup: result.Setup{
			Deployment: "four hosts in network namespaces on veth pairs: an attacker with a victim behind the same port, a victim beside, and who receives from the two",
			Generator:  fmt.Sprintf("packet sockets; each victim sends %d packets a second, one in %d of them the first of a new flow", o.victim, everyNew),
			Ports:      []string{"4 AF_XDP ports on veth"},
			Threads:    []result.Thread{{Name: "hosts", CPU: contest.HostCPU}, {Name: "the switch, all of it", CPU: contest.SwitchCPU}},
			Windows:    fmt.Sprintf("%v each, after %v of the same traffic; all of a turn with one start of the switch", o.window, o.warm),
			Repetition: fmt.Sprintf("%d rounds in the order A B B A", o.rounds),
		},
	}
}

// row is a phase as a row of the results, with the contender of a sample.
func (s *sample) row(o options, p phase) result.Row {
	task := fmt.Sprintf("%s; victims send %d packets/s each", p, o.victim)
	if p.flood {
		task = p.String()
	}
	t := result.Traffic{Task: task, Protocol: "IPv4, UDP", Directions: 1, Ports: "AF_XDP on veth", Rules: s.rules}
	measures := []result.Measure{
		{Name: measureBeside, Unit: "share", Better: result.More}, {Name: measureBehind, Unit: "share", Better: result.More},
	}
	switch {
	case p.flood:
		measures = []result.Measure{{Name: measureNew, Unit: "flows/s", Better: result.More}, {Name: measureEach, Unit: "ns", Better: result.Less}}
	case p.attack == 0:
		measures = []result.Measure{{Name: measureBeside, Unit: "packets/s", Better: result.Neither}, {Name: measureBehind, Unit: "packets/s", Better: result.Neither}}
	}
	return result.Row{
		Name: p.String(), Traffic: t, Measures: measures,
		Contenders: []result.Contender{{Name: s.contender, Version: s.version, Config: s.config}},
	}
}

// window is phase i of a sample as it is result.
func (s *sample) window(i int, p phase, round, turn int) result.Window {
	r := s.results[i]
	w := result.Window{Contender: s.contender, Round: round, Turn: turn, Note: r.cached, Figures: make(map[string]float64)}
	switch {
	case p.flood:
		w.Figures[measureNew], w.Figures[measureEach] = r.received[0], 1e9*(r.user+r.system)/max(r.received[0], 1)
	case p.attack == 0:
		w.Figures[measureBeside], w.Figures[measureBehind] = r.received[0], r.received[1]
	default:
		w.Figures[measureBeside], w.Figures[measureBehind] = s.kept(i, 0), s.kept(i, 1)
	}
	return w
}

// add adds what is not there yet of a sample to a book.
func (s *sample) add(b *result.Book, o options, phases []phase, round, turn int) error {
	for i, p := range phases {
		if b.Has(p.String(), s.contender, round, turn) {
			continue
		}
		if err := b.Add(s.row(o, p), s.window(i, p, round, turn)); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether a book has all phases of a turn.
func has(b *result.Book, phases []phase, contender string, round, turn int) bool {
	return !slices.ContainsFunc(phases, func(p phase) bool { return !b.Has(p.String(), contender, round, turn) })
}

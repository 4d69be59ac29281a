package soak

import (
	"fmt"
	"maps"
	"sync"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/control/api"
)

// epochs says when a port was another object than before. While a port is being removed or added its
// epoch is odd.
//
// Thread-safety: all methods are safe for concurrent use; the zero value is ready.
type epochs struct {
	mu sync.Mutex
	of map[string]int
}

// turn begins or ends a time in which ports are removed or added.
func (e *epochs) turn(ports ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of == nil {
		e.of = make(map[string]int)
	}
	for _, p := range ports {
		e.of[p]++
	}
}

func (e *epochs) now() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.of)
}

// linkOf behind a port's name is the name of the link it is on, in epochs.
const linkOf = " link"

// A reading is all counters, with the epochs of ports and links before and after they were read.
type reading struct {
	daemon.Tally
	counts        map[string]lab.LinkCount // by port, what the host on it has counted itself
	before, after map[string]int
}

// same reports whether a port is the same object in two readings.
func same(a, b reading, port string) bool {
	return a.before[port] == b.after[port] && b.after[port]%2 == 0
}

// regressions compares a reading with the one before it, and returns every counter that went back or
// is missing.
func regressions(prev, cur reading) (wrong []string) {
	note := func(what string, a, b []api.Counter) {
		now := make(map[string]uint64, len(b))
		for _, c := range b {
			now[c.Name] = c.Value
		}
		for _, c := range a {
			if v, there := now[c.Name]; !there && c.Value > 0 {
				wrong = append(wrong, fmt.Sprintf("%s: counter %s was %d and is not there any more", what, c.Name, c.Value))
			} else if v < c.Value {
				wrong = append(wrong, fmt.Sprintf("%s: counter %s went back from %d to %d", what, c.Name, c.Value, v))
			}
		}
	}
	a, b := prev.Stats, cur.Stats
	note("caches", a.Caches, b.Caches)
	note("events", a.Events, b.Events)
	note("drops", a.Drops, b.Drops)
	note("slow path", a.SlowPath, b.SlowPath)
	note("flow cache", a.Flows.Counters, b.Flows.Counters)
	for i, w := range a.Workers {
		note(fmt.Sprintf("worker %d", w.ID), workerCounters(w), workerCounters(b.Workers[i]))
	}
	for _, p := range prev.Ports {
		if q, ok := cur.Port(p.Name); !same(prev, cur, p.Name) {
			continue
		} else if !ok {
			wrong = append(wrong, fmt.Sprintf("port %s is gone", p.Name))
		} else {
			note("port "+p.Name, p.Counters, q.Counters)
		}
	}
	return wrong
}

// workerCounters returns everything a worker counts, as counters.
func workerCounters(w api.Worker) []api.Counter {
	all := []api.Counter{
		{Name: "packets", Value: w.Packets}, {Name: "polls", Value: w.Polls}, {Name: "empty_polls", Value: w.EmptyPolls},
		{Name: "busy_cycles", Value: w.BusyCycles}, {Name: "sleeps", Value: w.Sleeps}, {Name: "slept_ns", Value: uint64(w.SleptNs)},
	}
	all = append(all, w.Caches...)
	all = append(all, w.Events...)
	return append(all, w.Drops...)
}

// A balance compares sums and keeps those that are not what they must be.
type balance struct {
	compared int
	wrong    []string
}

func (b *balance) check(what string, got, want uint64) {
	b.compared++
	if got != want {
		b.wrong = append(b.wrong, fmt.Sprintf("%s: %d against %d", what, got, want))
	}
}

// balanced compares the sums of a reading at a quiet moment. quiet is the reading at the quiet moment
// before, if there was one.
func balanced(quiet *reading, cur reading) balance {
	var b balance
	b.totals(cur)
	if quiet != nil {
		b.between(*quiet, cur)
		b.hosts(*quiet, cur)
	}
	return b
}

// totals compares what was counted since the daemon started.
func (b *balance) totals(cur reading) {
	b.check("packets received and recirculated, against those the cache levels answered",
		taken(cur)+cur.Event("recirculated"), cur.Stats.Packets)
	for _, w := range cur.Stats.Workers {
		b.check(fmt.Sprintf("worker %d: packets received and recirculated, against its cache levels", w.ID),
			w.Packets+daemon.Value(w.Events, "recirculated"), sum(w.Caches))
	}
	for _, p := range cur.Ports {
		if p.Open && p.Reopens == 0 {
			b.check("port "+p.Name+": packets received by its queues, against the port's own count",
				queued(p, "rx", "rx_packets"), daemon.Value(p.Counters, "rx_packets"))
			b.check("port "+p.Name+": packets sent by its queues, against the port's own count",
				queued(p, "tx", "tx_packets"), daemon.Value(p.Counters, "tx_packets"))
		}
	}
}

// between compares what was counted since the last quiet moment, where no port was removed.
func (b *balance) between(quiet, cur reading) {
	if allSame(quiet, cur) {
		b.check("packets received by all ports since the last quiet moment, against those received by workers",
			cur.Sum("rx_packets")-quiet.Sum("rx_packets"), taken(cur)-taken(quiet))
	}
	if !same(quiet, cur, "m0") || !same(quiet, cur, "m1") {
		return
	}
	for _, way := range [][2]string{{"m0", "m1"}, {"m1", "m0"}} {
		b.check(fmt.Sprintf("packets sent by memory port %s since the last quiet moment, against those received by %s", way[0], way[1]),
			moved(quiet, cur, way[0], "tx_packets"), moved(quiet, cur, way[1], "rx_packets"))
	}
}

// hosts compares what AF_XDP ports have counted since the last quiet moment with what the hosts behind
// them say, where neither port nor link was touched.
func (b *balance) hosts(quiet, cur reading) {
	for name, host := range cur.counts {
		p, _ := cur.Port(name)
		q, _ := quiet.Port(name)
		if !same(quiet, cur, name) || !same(quiet, cur, name+linkOf) || p.Reopens != q.Reopens {
			continue
		}
		before := quiet.counts[name]
		b.check("since the last quiet moment packets sent by the host on "+name+", against those the port received or the device dropped",
			host.TxPackets-before.TxPackets, moved(quiet, cur, name, "rx_packets")+moved(quiet, cur, name, "device_rx_dropped"))
		b.check("since the last quiet moment packets received by the host on "+name+" or dropped by the device, against those the port sent",
			host.RxPackets-before.RxPackets+moved(quiet, cur, name, "device_tx_dropped"), moved(quiet, cur, name, "tx_packets"))
	}
}

func allSame(a, b reading) bool {
	for _, r := range []reading{a, b} {
		for _, p := range r.Ports {
			if !same(a, b, p.Name) {
				return false
			}
		}
	}
	return true
}

// taken returns the packets workers have taken from queues.
func taken(r reading) (n uint64) {
	for _, w := range r.Stats.Workers {
		n += w.Packets
	}
	return n
}

func moved(a, b reading, port, counter string) uint64 {
	p, _ := a.Port(port)
	q, _ := b.Port(port)
	return daemon.Value(q.Counters, counter) - daemon.Value(p.Counters, counter)
}

func sum(counters []api.Counter) (n uint64) {
	for _, c := range counters {
		n += c.Value
	}
	return n
}

// queued sums a counter over a port's queues of one direction.
func queued(p api.Port, direction, counter string) (n uint64) {
	for _, q := range p.Queues {
		if q.Direction == direction {
			n += daemon.Value(q.Counters, counter)
		}
	}
	return n
}

// Package metrics shows what the switch counts to Prometheus.
//
// It keeps nothing: every scrape reads a snapshot of the switch and turns it into samples, so that a
// port that goes takes its series with it and a switch that nobody scrapes pays nothing. It is not the
// place where anything is counted.
//
// Names follow the Prometheus conventions: base units, _total on what only grows. Counters that differ
// by driver share a metric and carry their name in a label (reason for drops, event for the rest), so
// that a new driver brings new label values and not new metrics; culvert_counter_info has a sentence
// for each. docs/metrics.md lists them; a test holds that page to this package.
//
// Thread-safety: a Collector is safe for concurrent use if its Source and functions are.
package metrics

import (
	"time"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/prometheus/client_golang/prometheus"
)

// A Source is the switch whose state is shown.
type Source interface {
	Ports() []datapath.PortStatus
	Stats() datapath.Stats
}

// A Profile is one that tunnels ask where guests are.
type Profile struct {
	Name          string
	Invalidates   bool // it has an invalidation plug-in
	Here          int  // guests here, and their addresses, that others are told of
	vtep.Overview      // of its directory; zero if that is not open
	Samples       []counter.Sample
}

// Build says which program the metrics come from.
type Build struct {
	Version, Revision, Go string
}

// A Collector shows a Source to a Prometheus registry.
type Collector struct {
	source   Source
	profiles func() []Profile
	bonds    func() []api.Bond
	build    Build
}

// NewCollector returns a collector for the source, and for the profiles of tunnels and the bonds that functions return.
func NewCollector(source Source, profiles func() []Profile, bonds func() []api.Bond, build Build) *Collector {
	return &Collector{source: source, profiles: profiles, bonds: bonds, build: build}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range allDescs() {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	s := scrape{ch: ch, descs: newDescs(), help: make(map[[2]string]string)}
	stats := c.source.Stats()
	s.gauge(s.build, 1, c.build.Version, c.build.Revision, c.build.Go)
	s.gauge(s.start, float64(stats.Since.UnixNano())/float64(time.Second))
	s.stats(&stats)
	for _, w := range stats.Workers {
		s.worker(&w)
	}
	for i := range stats.Ports {
		s.portFlowsOf(&stats.Ports[i])
	}
	for _, b := range stats.Bridges {
		s.samples(s.bridgeDrops, s.bridgeEvents, b.Samples, b.Name)
	}
	for _, p := range c.profiles() {
		s.profile(&p)
	}
	for _, p := range c.source.Ports() {
		s.port(&p)
	}
	for _, b := range c.bonds() {
		s.bond(&b)
	}
	for key, help := range s.help {
		s.gauge(s.counterInfo, 1, key[0], key[1], help)
	}
}

package metrics

import (
	"math"
	"strconv"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/prometheus/client_golang/prometheus"
)

// A scrape turns one snapshot into metrics.
type scrape struct {
	descs
	ch   chan<- prometheus.Metric
	help map[[2]string]string // sentence by kind and name of a counter
}

func (s *scrape) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s *scrape) count(d *prometheus.Desc, v uint64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (s *scrape) flag(d *prometheus.Desc, on bool, labels ...string) {
	v := 0.0
	if on {
		v = 1
	}
	s.gauge(d, v, labels...)
}

// samples shows drops under one metric and everything else under another, each by name; without a
// metric for drops, everything under the other.
func (s *scrape) samples(drops, events *prometheus.Desc, samples []counter.Sample, labels ...string) {
	for _, c := range counter.Sum(samples) {
		d, kind := events, "event"
		if c.Kind == counter.Drop && drops != nil {
			d, kind = drops, "drop"
		}
		s.explain(kind, c.Desc)
		s.count(d, c.Value, append(labels[:len(labels):len(labels)], c.Name)...)
	}
}

// explain keeps the first sentence for a counter's name; drivers agree on what they share.
func (s *scrape) explain(kind string, d counter.Desc) {
	key := [2]string{kind, d.Name}
	if _, known := s.help[key]; !known {
		s.help[key] = d.Help
	}
}

func (s *scrape) stats(st *datapath.Stats) {
	s.samples(s.slowDrops, s.slowEvents, st.SlowPath)
	s.gauge(s.flows, float64(st.Flows.Flows))
	s.gauge(s.flowCapacity, float64(st.Flows.Capacity))
	s.samples(nil, s.flowEvents, st.Flows.Samples)
	s.gauge(s.buffers, float64(st.Frames.Buffers))
	s.gauge(s.buffersFree, float64(st.Frames.Free))
	s.gauge(s.bufferSize, float64(st.Frames.BufferSize))
	s.gauge(s.framesInfo, 1, st.Frames.Pages)
}

func (s *scrape) portFlowsOf(p *datapath.PortFlows) {
	s.gauge(s.portFlows, float64(p.Flows), p.Name)
	s.gauge(s.portGuaranteed, float64(p.Guaranteed), p.Name)
	s.gauge(s.portMasks, float64(p.Masks), p.Name)
	s.gauge(s.portMaskLimit, float64(p.MaskLimit), p.Name)
	s.count(s.portLookups, p.Lookups, p.Name)
	s.count(s.portProbes, p.Probes, p.Name)
	for _, c := range p.New {
		s.explain("new_flow", c.Desc)
		s.count(s.newFlows, c.Value, p.Name, c.Name)
	}
}

func (s *scrape) worker(w *datapath.WorkerStats) {
	id := strconv.Itoa(w.ID)
	s.gauge(s.workerInfo, 1, id, strconv.Itoa(w.CPU))
	s.count(s.cycles, w.BusyCycles, id, "busy")
	s.count(s.cycles, w.IdleCycles, id, "idle")
	s.count(s.cycles, w.ControlCycles, id, "control")
	for _, c := range w.Stages.Samples() {
		s.explain("stage", c.Desc)
		s.count(s.stageCycles, c.Value, id, c.Name)
	}
	s.count(s.stagePackets, w.Stages.Packets, id)
	s.gauge(s.frequency, w.Frequency, id)
	s.ch <- prometheus.MustNewConstMetric(s.slept, prometheus.CounterValue, w.Slept.Seconds(), id)
	s.count(s.sleeps, w.Sleeps, id)
	s.count(s.workerPackets, w.Packets, id)
	s.count(s.polls, w.Polls, id)
	s.count(s.emptyPolls, w.EmptyPolls, id)
	s.count(s.overBudget, w.OverBudget, id)
	s.count(s.moves, w.Moves, id)
	s.histogram(s.cycleTime, &w.Cycle, id)
	s.histogram(s.wakeTime, &w.Wake, id)
	for _, c := range w.Caches {
		s.explain("level", c.Desc)
		s.count(s.cachePackets, c.Value, id, c.Name)
	}
	s.samples(s.drops, s.events, w.Events, id)
	s.samples(s.drops, s.events, w.Drops, id)
}

// The buckets shown of a histogram of powers of two: from 256 ns, half of what an empty poll cycle over
// a few queues takes, to 1.07 s.
const firstBucket, lastBucket = 8, 30

func (s *scrape) histogram(d *prometheus.Desc, h *pmd.Histogram, labels ...string) {
	buckets := make(map[float64]uint64, lastBucket-firstBucket+1)
	total := uint64(0)
	for i, n := range h.Buckets {
		total += n
		if i >= firstBucket && i <= lastBucket {
			buckets[math.Ldexp(1, i)/float64(time.Second)] = total
		}
	}
	s.ch <- prometheus.MustNewConstHistogram(d, total, h.Sum.Seconds(), buckets, labels...)
}

func (s *scrape) port(p *datapath.PortStatus) {
	s.gauge(s.portInfo, 1, p.Name, p.Bridge, strconv.FormatUint(uint64(p.Number), 10), p.Config.Driver, p.Info.MAC.String())
	s.flag(s.portOpen, p.Open, p.Name)
	s.flag(s.portLink, p.LinkUp, p.Name)
	s.gauge(s.portMTU, float64(p.Info.MTU), p.Name)
	s.count(s.portReopens, p.Reopens, p.Name)
	for _, n := range p.Info.Notes {
		s.gauge(s.portChoice, 1, p.Name, n.Key, n.Value, n.Reason)
	}
	var rest []counter.Sample
	for _, c := range counter.Sum(p.Samples) {
		switch c.Name {
		case "rx_packets":
			s.count(s.rxPackets, c.Value, p.Name)
		case "rx_bytes":
			s.count(s.rxBytes, c.Value, p.Name)
		case "tx_packets":
			s.count(s.txPackets, c.Value, p.Name)
		case "tx_bytes":
			s.count(s.txBytes, c.Value, p.Name)
		default:
			rest = append(rest, c)
		}
	}
	s.samples(s.portDrops, s.portEvents, rest, p.Name)
	for _, q := range p.Queues {
		s.queue(p.Name, &q)
	}
}

func (s *scrape) queue(port string, q *datapath.QueueStatus) {
	direction := "rx"
	if q.Tx {
		direction = "tx"
	}
	index := strconv.Itoa(q.Index)
	s.gauge(s.queueWorker, float64(q.Worker), port, direction, index)
	if !q.Tx {
		s.count(s.queueCycles, q.Cycles, port, direction, index)
	}
	var rest []counter.Sample
	for _, c := range q.Samples {
		switch c.Name {
		case direction + "_packets":
			s.count(s.queuePackets, c.Value, port, direction, index)
		case direction + "_bytes":
			s.count(s.queueBytes, c.Value, port, direction, index)
		default:
			rest = append(rest, c)
		}
	}
	s.samples(s.queueDrops, s.queueEvents, rest, port, direction, index)
}

func (s *scrape) profile(p *Profile) {
	s.flag(s.profileUp, p.Look.Up, p.Name, "lookup")
	if p.Invalidates {
		s.flag(s.profileUp, p.Invalidate.Up, p.Name, "invalidation")
	}
	s.gauge(s.profileAnswers, float64(p.Known), p.Name, "known")
	s.gauge(s.profileAnswers, float64(p.Negative), p.Name, "negative")
	s.gauge(s.profileAnswers, float64(p.Waiting), p.Name, "waiting")
	s.gauge(s.profileHere, float64(p.Here), p.Name)
	s.samples(nil, s.profileEvents, p.Samples, p.Name)
}

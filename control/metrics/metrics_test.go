package metrics_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/metrics"
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// still is a switch at a moment.
type still struct {
	ports []datapath.PortStatus
	stats datapath.Stats
}

func (s still) Ports() []datapath.PortStatus { return s.ports }
func (s still) Stats() datapath.Stats        { return s.stats }

func samples(desc []counter.Desc, values ...uint64) []counter.Sample {
	var all []counter.Sample
	for i, d := range desc {
		s := counter.Sample{Desc: d}
		if i < len(values) {
			s.Value = values[i]
		}
		all = append(all, s)
	}
	return all
}

// moment is a switch with one worker and one port with two queues.
func moment() still {
	rx := samples(pmd.RxCounters(counter.Desc{Name: "rx_runt", Help: "Too short.", Kind: counter.Drop}), 10, 1000, 3)
	tx := samples(pmd.TxCounters(), 20, 2000, 1)
	levels := []counter.Desc{{Name: "emc_hit", Help: "By the exact-match cache."}, {Name: "upcall", Help: "By the slow path."}}
	w := datapath.WorkerStats{
		WorkerStats: pmd.WorkerStats{ID: 0, CPU: 3, Frequency: 2e9, BusyCycles: 700, IdleCycles: 300, Slept: time.Second, Packets: 10, Polls: 50},
		Caches:      samples(levels, 8, 2),
		Drops:       samples([]counter.Desc{{Name: "no_match", Help: "No rule matched.", Kind: counter.Drop}}, 4),
		Events:      samples([]counter.Desc{{Name: "held", Help: "Waited."}}, 5),
	}
	w.Cycle.Buckets[9], w.Cycle.Buckets[20], w.Cycle.Sum = 40, 2, 3*time.Millisecond
	return still{
		stats: datapath.Stats{
			Since: time.Unix(1000, 0), Workers: []datapath.WorkerStats{w},
			SlowPath: samples([]counter.Desc{{Name: "served", Help: "Answered."}}, 2),
			Flows:    datapath.FlowStats{Flows: 7, Capacity: 100, Samples: samples([]counter.Desc{{Name: "flows_inserted", Help: "Entered."}}, 9)},
			Ports: []datapath.PortFlows{{
				Name: "p1", PortUse: flowcache.PortUse{Flows: 7, Guaranteed: 50, Masks: 3, MaskLimit: 32, Lookups: 10, Probes: 12},
				New: samples([]counter.Desc{{Name: "asked", Help: "Sent to the slow path."}}, 6),
			}},
			Bridges: []datapath.BridgeStats{{Name: "br0", Samples: samples([]counter.Desc{
				{Name: "packet_in", Help: "Sent."}, {Name: "packet_in_unheard", Help: "Nobody listens.", Kind: counter.Drop},
			}, 11, 3)}},
			Frames: datapath.FrameStats{Buffers: 1024, BufferSize: 2048, Free: 700, Pages: "ordinary pages"},
		},
		ports: []datapath.PortStatus{{
			ID: 1, Number: 5, Name: "p1", Bridge: "br0", Config: datapath.PortConfig{Driver: "afxdp"}, Open: true, LinkUp: true, Reopens: 2,
			Info: pmd.Info{
				MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1500,
				Notes: []pmd.Note{{Key: "mode", Value: "generic", Reason: "the driver has no native mode"}},
			},
			Samples: append(rx, tx...),
			Queues:  []datapath.QueueStatus{{Index: 0, Worker: 0, Cycles: 99, Samples: rx}, {Tx: true, Index: 0, Worker: -1, Samples: tx}},
		}},
	}
}

// profiles has one with both plug-ins.
func profiles() []metrics.Profile {
	return []metrics.Profile{{
		Name: "dc", Invalidates: true, Here: 2, Samples: samples([]counter.Desc{{Name: "vtep_asked", Help: "Questions.", Kind: counter.Event}}, 4),
		Overview: vtep.Overview{Look: vtep.Status{Up: true}, Known: 3, Negative: 1, Waiting: 5},
	}}
}

// bonds is a bond of two members, of which LACP has found one's partner.
func bonds() []api.Bond {
	return []api.Bond{{
		Bridge: "br0", Name: "bond0", Mode: "balance-tcp", Active: "p1", LACP: api.LACP{Mode: "active", Status: "negotiated"},
		Members: []api.BondMember{
			{Port: "p1", Enabled: true, Hashes: 256, Load: 4000, LACP: &api.MemberLACP{
				Status: "current", Actor: api.LACPEnd{State: "activity aggregation"}, Partner: api.LACPEnd{State: "aggregation"},
				Received: 5, Bad: 1, Sent: 6,
			}},
			{Port: "p2"},
		},
	}}
}

func collector() *metrics.Collector {
	return metrics.NewCollector(moment(), profiles, bonds, metrics.Build{Version: "v1", Revision: "abc", Go: "go1.26"})
}

func TestWhatIsCounted(t *testing.T) {
	want := `
# HELP culvert_bond_info A bond, and what LACP has come to; always 1.
# TYPE culvert_bond_info gauge
culvert_bond_info{bond="bond0",bridge="br0",lacp="active",lacp_status="negotiated",mode="balance-tcp"} 1
# HELP culvert_bond_member_active 1 if the port is its bond's active member.
# TYPE culvert_bond_member_active gauge
culvert_bond_member_active{bond="bond0",bridge="br0",port="p1"} 1
culvert_bond_member_active{bond="bond0",bridge="br0",port="p2"} 0
# HELP culvert_bond_member_enabled 1 if the member carries packets.
# TYPE culvert_bond_member_enabled gauge
culvert_bond_member_enabled{bond="bond0",bridge="br0",port="p1"} 1
culvert_bond_member_enabled{bond="bond0",bridge="br0",port="p2"} 0
# HELP culvert_bond_member_hashes Hashes of 256 whose packets leave by the member.
# TYPE culvert_bond_member_hashes gauge
culvert_bond_member_hashes{bond="bond0",bridge="br0",port="p1"} 256
culvert_bond_member_hashes{bond="bond0",bridge="br0",port="p2"} 0
# HELP culvert_bond_member_lacp_info What LACP knows of a member; always 1.
# TYPE culvert_bond_member_lacp_info gauge
culvert_bond_member_lacp_info{bond="bond0",bridge="br0",partner_state="aggregation",port="p1",state="activity aggregation",status="current"} 1
# HELP culvert_bond_member_lacp_messages_total LACP's messages of a member: received, bad ones among these, sent.
# TYPE culvert_bond_member_lacp_messages_total counter
culvert_bond_member_lacp_messages_total{bond="bond0",bridge="br0",event="lacp_bad",port="p1"} 1
culvert_bond_member_lacp_messages_total{bond="bond0",bridge="br0",event="lacp_received",port="p1"} 5
culvert_bond_member_lacp_messages_total{bond="bond0",bridge="br0",event="lacp_sent",port="p1"} 6
# HELP culvert_bond_member_load_bytes Bytes that left by the member's hashes, older ones at half their weight with each rebalancing.
# TYPE culvert_bond_member_load_bytes gauge
culvert_bond_member_load_bytes{bond="bond0",bridge="br0",port="p1"} 4000
culvert_bond_member_load_bytes{bond="bond0",bridge="br0",port="p2"} 0
# HELP culvert_bridge_drops_total Packets that the rule table of a bridge dropped, such as those for controllers, by reason.
# TYPE culvert_bridge_drops_total counter
culvert_bridge_drops_total{bridge="br0",reason="packet_in_unheard"} 3
# HELP culvert_bridge_events_total What else the rule table of a bridge counts.
# TYPE culvert_bridge_events_total counter
culvert_bridge_events_total{bridge="br0",event="packet_in"} 11
# HELP culvert_cache_packets_total Packets by the cache level that answered; the sum over levels is the packets looked up.
# TYPE culvert_cache_packets_total counter
culvert_cache_packets_total{level="emc_hit",worker="0"} 8
culvert_cache_packets_total{level="upcall",worker="0"} 2
# HELP culvert_drops_total Packets the switch dropped, by reason.
# TYPE culvert_drops_total counter
culvert_drops_total{reason="no_match",worker="0"} 4
# HELP culvert_flows Flows in the megaflow cache.
# TYPE culvert_flows gauge
culvert_flows 7
# HELP culvert_port_choice_info What was chosen for a port, such as its AF_XDP mode, and why not better; always 1.
# TYPE culvert_port_choice_info gauge
culvert_port_choice_info{choice="mode",port="p1",reason="the driver has no native mode",value="generic"} 1
# HELP culvert_port_drops_total Packets dropped by the port, by reason.
# TYPE culvert_port_drops_total counter
culvert_port_drops_total{port="p1",reason="rx_runt"} 3
culvert_port_drops_total{port="p1",reason="tx_full"} 1
culvert_port_drops_total{port="p1",reason="tx_too_long"} 0
# HELP culvert_port_masks Masks that the port's packets are looked up under.
# TYPE culvert_port_masks gauge
culvert_port_masks{port="p1"} 3
# HELP culvert_port_megaflow_probes_total Masks these were looked up under, all together.
# TYPE culvert_port_megaflow_probes_total counter
culvert_port_megaflow_probes_total{port="p1"} 12
# HELP culvert_port_new_flow_events_total What became of packets of the port that no cache knew.
# TYPE culvert_port_new_flow_events_total counter
culvert_port_new_flow_events_total{event="asked",port="p1"} 6
# HELP culvert_port_receive_packets_total Packets received.
# TYPE culvert_port_receive_packets_total counter
culvert_port_receive_packets_total{port="p1"} 10
# HELP culvert_profile_answers What a profile knows: answers, answers that there is nobody, questions that wait for their first answer.
# TYPE culvert_profile_answers gauge
culvert_profile_answers{profile="dc",state="known"} 3
culvert_profile_answers{profile="dc",state="negative"} 1
culvert_profile_answers{profile="dc",state="waiting"} 5
# HELP culvert_profile_events_total What a profile's directory and its plug-ins count.
# TYPE culvert_profile_events_total counter
culvert_profile_events_total{event="vtep_asked",profile="dc"} 4
# HELP culvert_profile_guests Guests here, and addresses of theirs, that others are told of.
# TYPE culvert_profile_guests gauge
culvert_profile_guests{profile="dc"} 2
# HELP culvert_profile_up 1 if a plug-in of a profile can answer.
# TYPE culvert_profile_up gauge
culvert_profile_up{plugin="invalidation",profile="dc"} 0
culvert_profile_up{plugin="lookup",profile="dc"} 1
# HELP culvert_queue_bytes_total Bytes received or handed to the device by a queue.
# TYPE culvert_queue_bytes_total counter
culvert_queue_bytes_total{direction="rx",port="p1",queue="0"} 1000
culvert_queue_bytes_total{direction="tx",port="p1",queue="0"} 2000
# HELP culvert_start_time_seconds When the switch started, in seconds since 1970.
# TYPE culvert_start_time_seconds gauge
culvert_start_time_seconds 1000
# HELP culvert_worker_cycles_total CPU cycles by what the worker spent them on.
# TYPE culvert_worker_cycles_total counter
culvert_worker_cycles_total{state="busy",worker="0"} 700
culvert_worker_cycles_total{state="control",worker="0"} 0
culvert_worker_cycles_total{state="idle",worker="0"} 300
`
	names := regexp.MustCompile(`# TYPE (\S+)`).FindAllStringSubmatch(want, -1)
	var only []string
	for _, n := range names {
		only = append(only, n[1])
	}
	if err := testutil.CollectAndCompare(collector(), strings.NewReader(want), only...); err != nil {
		t.Error(err)
	}
}

func TestEveryReasonHasItsSentence(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(collector())
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	explained, named := make(map[string]bool), make(map[string]bool)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				switch {
				case f.GetName() == "culvert_counter_info" && l.GetName() == "name":
					explained[l.GetValue()] = true
				case f.GetName() == "culvert_port_choice_info":
				case l.GetName() == "reason" || l.GetName() == "event" || l.GetName() == "level":
					named[l.GetValue()] = true
				}
			}
		}
	}
	for name := range named {
		if !explained[name] {
			t.Errorf("no sentence for %s", name)
		}
	}
	if len(named) < 7 {
		t.Errorf("only %v", named)
	}
}

func TestTheHistogramHasEveryDuration(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(collector())
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "culvert_worker_cycle_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != 42 || h.GetSampleSum() != 0.003 {
			t.Errorf("count %d, sum %v; want 42 and 0.003", h.GetSampleCount(), h.GetSampleSum())
		}
		for _, b := range h.GetBucket() {
			want := uint64(0)
			if b.GetUpperBound() >= 512e-9 {
				want = 40
			}
			if b.GetUpperBound() >= 1048576e-9 {
				want = 42
			}
			if b.GetCumulativeCount() != want {
				t.Errorf("up to %v s: %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
			}
		}
		return
	}
	t.Error("culvert_worker_cycle_seconds is missing")
}

func TestNamesFollowTheConventions(t *testing.T) {
	problems, err := testutil.CollectAndLint(collector())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestTheDocumentationNamesEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	ch := make(chan *prometheus.Desc, 100)
	collector().Describe(ch)
	close(ch)
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range ch {
		if n := name.FindStringSubmatch(d.String())[1]; !strings.Contains(string(text), "`"+n+"`") {
			t.Errorf("docs/metrics.md does not name %s", n)
		}
	}
}

func TestTheServerAnswersAtMetricsOnly(t *testing.T) {
	s, err := metrics.Serve("127.0.0.1:0", collector(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/metrics": 200, "/": 404, "/debug/pprof/": 404} {
		resp, err := http.Get("http://" + s.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want || want == 200 && !strings.Contains(string(body), "culvert_flows 7") {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if _, err := metrics.Serve(s.Addr().String(), collector(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a second server on the same address: no error")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get("http://" + s.Addr().String() + "/metrics"); err == nil {
		t.Error("it answers after Close")
	}
}

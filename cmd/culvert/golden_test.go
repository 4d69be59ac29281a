package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/daemon"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// canned serves a daemon that always gives the same answers, and returns its socket.
func canned(t *testing.T) string {
	t.Helper()
	m := api.NewMux(slog.New(slog.DiscardHandler))
	answer := func(c api.Counter, n uint64) api.Counter { c.Value = n; return c }
	rx := api.Counter{Name: "rx_packets", Kind: "event", Help: "Packets received."}
	rxBytes := api.Counter{Name: "rx_bytes", Kind: "bytes", Help: "Bytes received."}
	full := api.Counter{Name: "tx_full", Kind: "drop", Help: "Packets dropped because the transmit ring had no room."}
	ports := []api.Port{
		{Name: "p1", Bridge: "br0", Number: 1, Type: "afxdp", Open: true, LinkUp: true, MTU: 1500, VLAN: api.VLAN{Mode: "access", Tag: 10},
			Notes:    []api.Note{{Key: "attach", Value: "native"}, {Key: "queues", Value: "1"}, {Key: "copy", Value: "copy", Reason: "the driver of p1 has no zero-copy"}},
			Counters: []api.Counter{answer(rx, 1234567), answer(rxBytes, 98765432), answer(full, 3)}, Reopens: 2},
		{Name: "p2", Bridge: "br0", Number: 2, Type: "tap", Open: true, MTU: 9000, VLAN: api.VLAN{Mode: "trunk", Trunks: []int{0, 10, 11, 12, 20}}},
		{Name: "p3", Bridge: "br0", Number: 65534, Type: "afxdp", VLAN: api.VLAN{Mode: "dot1q-tunnel", Tag: 9, CVLANs: []int{5}, QinQType: "802.1q", PriorityTags: "always"}, Protected: true, Settings: []string{"no-flood"}, Error: "open port p3: find device p3: Link not found"},
	}
	worker := api.Worker{ID: 0, CPU: 1, Hertz: 2e9, BusyCycles: 6e9, IdleCycles: 1e9, ControlCycles: 1e9, SleptNs: 1e9, Packets: 30e6,
		Cycle: api.Durations{Count: 5, P50Ns: 4096, P99Ns: 16384, MaxNs: 1234567}, Wake: api.Durations{Count: 2, P50Ns: 32768, P99Ns: 65536, MaxNs: 60000},
		Stages: api.Stages{Packets: 1000, Cycles: []api.Counter{{Name: "receive", Value: 70_400}, {Name: "megaflow", Value: 300}, {Name: "transmit", Value: 90_000}}}}
	frames := api.Frames{Buffers: 16384, BufferSize: 2048, Free: 9000, Pages: "2 MiB hugepages"}
	flows := api.Flows{Flows: 12, Capacity: 65536, Counters: []api.Counter{{Name: "flows_inserted", Value: 40, Help: "Megaflows entered into the cache."}}}
	api.Handle(m, api.Show, func(context.Context, api.Nothing) (api.Overview, error) {
		return api.Overview{Version: api.Version{Version: "v1.2", Go: "go1.26"}, PID: 4711, UptimeSeconds: 3723, Config: "culvert.yaml", Restart: []string{"workers"},
			Frames: frames, Flows: flows, Workers: []api.Worker{worker}, Bridges: []api.Bridge{{Name: "br0", Rules: 2, MACs: 1, Ports: ports}, {Name: "br1", Rules: 1}}}, nil
	})
	api.Handle(m, api.GetStats, func(context.Context, api.Nothing) (api.Stats, error) {
		return api.Stats{UptimeSeconds: 12.34, Packets: 1000, Frames: frames, Flows: flows, Workers: []api.Worker{worker, {ID: 1, CPU: -1, Spins: true}},
			Caches:     []api.Counter{{Name: "emc_hit", Value: 900, Help: "Packets answered by the worker's exact-match cache."}, {Name: "upcall", Value: 100, Help: "Packets no cache knew."}},
			Drops:      []api.Counter{{Name: "rule", Value: 7, Kind: "drop", Help: "The rule that matched says drop."}, {Name: "no_match", Kind: "drop", Help: "No rule matched."}},
			PortFaults: []api.Fault{{Port: "vm1", Counter: api.Counter{Name: "fault_header", Value: 2, Kind: "fault", Help: "Sessions ended because of a header."}}, {Port: "vm2", Counter: api.Counter{Name: "vhost_faults", Kind: "fault", Help: "None."}}},
			Bridges: []api.BridgeCounters{{Bridge: "br0", Counters: []api.Counter{
				{Name: "packet_in", Value: 12, Kind: "event", Help: "Packets that went to a controller."}, {Name: "packet_in_unheard", Value: 5, Kind: "drop", Help: "Nobody listens."}}},
				{Bridge: "br1", Counters: []api.Counter{{Name: "packet_in", Kind: "event", Help: "None."}}}},
			Ports: []api.PortFlows{{Port: "p2"}, {Port: "p1", Flows: 9000, Guaranteed: 8192, Masks: 33, MaskLimit: 32, Lookups: 1000, Probes: 4200, New: []api.Counter{
				{Name: "asked", Value: 900, Help: "Packets of the port sent to the slow path."}, {Name: "over_rate", Value: 7, Help: "Refused."},
				{Name: "served", Value: 900, Help: "Answered."}, {Name: "served_ns", Value: 1800000, Help: "Time."}, {Name: "queue_full", Help: "None."}}}}}, nil
	})
	api.Handle(m, api.PortList, func(_ context.Context, f api.PortFilter) ([]api.Port, error) {
		if f.Bridge == "br9" {
			return nil, api.Errorf(api.NotFound, "bridge br9: no such bridge")
		}
		return ports, nil
	})
	api.Handle(m, api.PortAdd, func(_ context.Context, n api.NewPort) (api.Port, error) {
		return api.Port{Name: n.Name, Bridge: n.Bridge, Number: n.Number, Type: n.Type, Options: n.Options, VLAN: n.VLAN, Open: true, LinkUp: true}, nil
	})
	api.Handle(m, api.FlowAdd, func(_ context.Context, f api.FlowText) (api.RulesChanged, error) {
		for i, line := range f.Lines {
			if strings.Contains(line, "zap") {
				return api.RulesChanged{}, &api.Error{Code: api.BadConfig, Details: f.Name + ":2:1: want a field", Problems: []api.Problem{{File: f.Name, Line: i + 1, Column: 1, Text: "want a field"}}}
			}
		}
		return api.RulesChanged{Count: len(f.Lines), Added: len(f.Lines)}, nil
	})
	api.Handle(m, api.FlowDump, func(context.Context, api.FlowMatch) ([]api.Rule, error) {
		return []api.Rule{{Bridge: "br0", Text: "cookie=0x0, n_packets=1, in_port=1 actions=output:2"}, {Bridge: "br1", Text: "cookie=0x0, n_packets=2, priority=0 actions=NORMAL"}}, nil
	})
	api.Handle(m, api.FlowAggregate, func(_ context.Context, f api.FlowFilter) (api.Aggregate, error) {
		return api.Aggregate{Packets: 3, Bytes: 180, Flows: len(f.Match)}, nil
	})
	api.Handle(m, api.FlowReplace, func(_ context.Context, f api.FlowText) (api.Replaced, error) {
		return api.Replaced{Added: len(f.Lines), Removed: 3}, nil
	})
	api.Handle(m, api.FlowDiff, func(_ context.Context, f api.FlowText) (api.Difference, error) {
		if f.Lines[0] == "same" {
			return api.Difference{Lines: []string{}}, nil
		}
		return api.Difference{Lines: []string{"-priority=1 actions=drop", "+priority=2 actions=drop"}}, nil
	})
	api.Handle(m, api.FDBShow, func(context.Context, api.BridgeName) ([]api.FDBEntry, error) {
		return []api.FDBEntry{{Bridge: "br0", Port: "p1", VLAN: 10, MAC: "02:00:00:00:00:01", AgeSeconds: 61.4}, {Bridge: "br0", Port: "p2", MAC: "02:00:00:00:00:02", Static: true}}, nil
	})
	api.Handle(m, api.MDBShow, func(context.Context, api.BridgeName) ([]api.MDBEntry, error) {
		return []api.MDBEntry{{Bridge: "br0", Port: "p1", VLAN: 10, Group: "239.1.1.1", AgeSeconds: 61.4}, {Bridge: "br0", Port: "p2", VLAN: 10, Router: true}}, nil
	})
	api.Handle(m, api.BondShow, func(context.Context, api.BridgeName) ([]api.Bond, error) {
		end := api.LACPEnd{System: "02:00:00:00:00:01", SystemPriority: 65535, Port: 1, PortPriority: 255, Key: 1, State: "activity synchronized"}
		lacp := &api.MemberLACP{Status: "current", Attached: true, Actor: end, Partner: api.LACPEnd{System: "02:00:00:00:00:02"}, Received: 9, Bad: 1, Sent: 8}
		return []api.Bond{
			{Bridge: "br0", Name: "bond0", Mode: "active-backup", UpDelaySeconds: 2, LACP: api.LACP{Mode: "off", Status: "off"}, Members: []api.BondMember{
				{Port: "p1", MayEnable: true, DueSeconds: 1.5}, {Port: "p2", Disabled: true}}},
			{Bridge: "br0", Name: "bond1", Mode: "balance-tcp", Active: "p3", Primary: "p3", HashBasis: 7, RebalanceSeconds: 3.25, AllMembersActive: true,
				LACP:    api.LACP{Mode: "active", Status: "negotiated", Fast: true, FallbackAB: true, System: "02:00:00:00:00:01", SystemPriority: 65535, Key: 1},
				Members: []api.BondMember{{Port: "p3", Enabled: true, MayEnable: true, Hashes: 128, Load: 2048000, LACP: lacp}}},
		}, nil
	})
	api.Handle(m, api.MirrorList, func(context.Context, api.BridgeName) ([]api.Mirror, error) {
		return []api.Mirror{
			{Bridge: "br0", Active: true, Packets: 5, Bytes: 300, MirrorConfig: api.MirrorConfig{Name: "m1", SelectAll: true, VLANs: []int{10, 20}, OutputPort: "p3", Snaplen: 64}},
			{Bridge: "br0", MirrorConfig: api.MirrorConfig{Name: "m2", SelectSrc: []string{"p1", "p2"}, SelectDst: []string{"p1"}, OutputPort: "p9"}},
			{Bridge: "br1", Active: true, MirrorConfig: api.MirrorConfig{Name: "m3", OutputVLAN: 99}},
		}, nil
	})
	api.Handle(m, api.CacheDump, func(context.Context, api.CacheFilter) ([]api.CacheFlow, error) {
		return []api.CacheFlow{{Match: "in_port=p1,ip", Actions: "output:p2", Packets: 5, Bytes: 300, UsedSeconds: 0.25}}, nil
	})
	api.Handle(m, api.UnderlayShow, func(context.Context, api.Nothing) (api.Underlay, error) {
		return api.Underlay{
			Interfaces: []api.UnderlayInterface{{Port: "p1", MAC: "02:00:00:00:00:01", Addresses: []string{"192.0.2.1/24", "fe80::ff:fe00:1/64"}, VLAN: 7, MTU: 9000, Up: true}, {Port: "p2", Addresses: []string{}, Kernel: true}},
			Routes:     []api.UnderlayRoute{{To: "0.0.0.0/0", Via: "192.0.2.254", Port: "p1"}, {To: "192.0.2.0/24", Port: "p1"}, {To: "198.51.100.0/24", Refused: "nowhere", Mark: "0x5"}},
			Neighbours: []api.UnderlayNeighbour{{Port: "p1", Address: "192.0.2.9", State: "asked"}, {Port: "p1", Address: "192.0.2.254", MAC: "02:00:00:00:00:fe", State: "answered", AgeSeconds: 0.2}},
		}, nil
	})
	api.Handle(m, api.TunnelList, func(context.Context, api.Nothing) ([]api.Tunnel, error) {
		counters := []api.Counter{{Name: "rx_packets", Value: 5}, {Name: "tx_packets", Value: 7}}
		return []api.Tunnel{
			{Port: "gr", Bridge: "br1", Type: "gre", Remote: "192.0.2.2", Local: "192.0.2.1", InKey: "none", OutKey: "7", Reason: "no route leads there"},
			{Port: "ov", Bridge: "br0", Type: "vxlan", Remote: "lookup", Local: "any", InKey: "7", OutKey: "7", UDPPort: 4789, Profile: "dc", Counters: counters},
			{Port: "vx", Bridge: "br0", Type: "vxlan", Remote: "192.0.2.2", Local: "any", InKey: "42", OutKey: "42", UDPPort: 4789, MTU: 1450,
				Way: "port eth1 to 02:00:00:00:00:02 from 192.0.2.1", Counters: counters},
		}, nil
	})
	api.Handle(m, api.ProfileShow, func(_ context.Context, n api.ProfileName) ([]api.Profile, error) {
		dc := api.Profile{
			Name: "dc", Open: true, Lookup: api.Plugin{Kind: "socket", Up: true, Text: "etcd: 3 guests and addresses"},
			Invalidation: &api.Plugin{Kind: "svp", Text: "not connected yet"}, Fault: "the answer about vni 7 flood: more than 512 ends", Known: 3, Negative: 1, Waiting: 1, Here: 2,
		}
		if n.Name == "" {
			return []api.Profile{dc, {Name: "lab", Lookup: api.Plugin{Kind: "file"}, Error: "vtep file: open /etc/guests: no such file or directory"}}, nil
		}
		dc.Guests = []api.Guest{{VNI: 7, MAC: "02:00:00:00:00:01", End: "192.0.2.1"}, {VNI: 7, MAC: "02:00:00:00:00:01", IP: "10.0.0.1", End: "192.0.2.1"}}
		dc.Answers = []api.Answer{
			{VNI: 7, MAC: "02:00:00:00:00:02", State: "known", Ends: []string{"192.0.2.2"}, LeftSeconds: 200},
			{VNI: 7, MAC: "02:00:00:00:00:03", State: "none", LeftSeconds: 2.5},
			{VNI: 7, IP: "10.0.0.2", MAC: "02:00:00:00:00:02", State: "known", Stale: true, Ends: []string{"192.0.2.2"}, LeftSeconds: 4},
			{VNI: 7, IP: "10.0.0.3", State: "asked", LeftSeconds: 0.5},
			{VNI: 7, Flood: true, State: "known", Ends: []string{"192.0.2.2", "192.0.2.3 port 8472"}, LeftSeconds: 100},
		}
		return []api.Profile{dc}, nil
	})
	path := filepath.Join(t.TempDir(), "s")
	l, err := api.Listen(path, 0o600, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- api.NewServer(m, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return path
}

// culvert runs a command line in this process.
func culvert(t *testing.T, in string, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(in), &o, &e)
	return o.String(), e.String(), code
}

func TestWhatCommandsPrint(t *testing.T) {
	socket := canned(t)
	for name, args := range map[string][]string{
		"help":          {"--help"},
		"help-port-add": {"port", "add", "--help"},
		"show":          {"show"},
		"stats":         {"stats"},
		"port-list":     {"port", "list"},
		"port-add-json": {"port", "add", "br0", "p4", "--type", "afxdp", "--number", "4", "--trunks", "10,20-22", "--json", "device=veth4", "pass=arp,lldp"},
		"flow-dump":     {"flow", "dump"},
		"fdb-show":      {"fdb", "show"},
		"fdb-show-json": {"fdb", "show", "--json"},
		"mdb-show":      {"mdb", "show"},
		"underlay":      {"underlay"},

		"tunnel-list":     {"tunnel", "list"},
		"tunnel-profiles": {"tunnel", "profile"},
		"tunnel-profile":  {"tunnel", "profile", "dc"},

		"bond-show":   {"bond", "show"},
		"mirror-list": {"mirror", "list"},
		"cache-dump":  {"cache", "dump"},
	} {
		t.Run(name, func(t *testing.T) {
			got, errs, code := culvert(t, "", append(args, "--socket", socket)...)
			if code != exitOK || errs != "" {
				t.Fatalf("exit code %d, %s", code, errs)
			}
			sameAsFile(t, name, got)
		})
	}
}

// sameAsFile compares with a file of testdata, or with -update writes it.
func sameAsFile(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -update if that is meant. Got:\n%s", file, got)
	}
}

func TestRulesComeFromArgumentsFileOrStandardInput(t *testing.T) {
	socket := canned(t)
	file := filepath.Join(t.TempDir(), "f.txt")
	if err := os.WriteFile(file, []byte("in_port=1,actions=2\nin_port=2,actions=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, in, want string
		args           []string
	}{
		{"one argument, commas and all", "", "1 rule added\n", []string{"in_port=1,ip,actions=2"}},
		{"two arguments", "", "2 rules added\n", []string{"in_port=1,actions=2", "in_port=2,actions=1"}},
		{"in one step", "", "1 rule added\n", []string{"--bundle", "delete ip"}},
		{"a file", "", "2 rules added\n", []string{"--file", file}},
		{"standard input", "a\nb\nc\n", "3 rules added\n", []string{"-f", "-"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, errs, code := culvert(t, c.in, append([]string{"--socket", socket, "flow", "add", "br0"}, c.args...)...)
			if code != exitOK || got != c.want {
				t.Errorf("got %q, %q, exit code %d; want %q", got, errs, code, c.want)
			}
		})
	}
}

func TestWhatBecameOfRulesIsSaid(t *testing.T) {
	for want, c := range map[string]api.RulesChanged{
		"3 rules added, 1 changed, 2 deleted": {Added: 3, Changed: 1, Deleted: 2},
		"1 rule changed, 2 deleted":           {Changed: 1, Deleted: 2},
		"1 rule deleted":                      {Deleted: 1},
		"0 rules changed":                     {},
	} {
		if got := whatChanged(c, "changed"); got != want {
			t.Errorf("%+v: got %q, want %q", c, got, want)
		}
	}
}

func TestComparingAndReplacingRules(t *testing.T) {
	socket := canned(t)
	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"replace", "br0", "a", "b"}, "2 rules added, 3 removed\n", exitOK},
		{[]string{"diff", "br0", "other"}, "-priority=1 actions=drop\n+priority=2 actions=drop\n", exitDiffer},
		{[]string{"diff", "br0"}, "", exitFailed},
		{[]string{"diff", "--bogus", "br0"}, "", exitFailed},
		{[]string{"diff", "br0", "same"}, "", exitOK},
		{[]string{"aggregate", "br0", "ip"}, "packet_count=3 byte_count=180 flow_count=2\n", exitOK},
		{[]string{"replace", "br0"}, "", exitUsage},
		{[]string{"dump", "br0", "--sort=priority", "--rsort=nw_src"}, "", exitUsage},
	} {
		got, errs, code := culvert(t, "", append([]string{"--socket", socket, "flow"}, c.args...)...)
		if code != c.code || got != c.want || (errs == "") != (got != "" || code == exitOK) {
			t.Errorf("%v: got %q, %q, exit code %d; want %q, exit code %d", c.args, got, errs, code, c.want, c.code)
		}
	}
}

func TestExitCodesAndErrors(t *testing.T) {
	socket := canned(t)
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("bogus: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(t.TempDir(), "good.yaml")
	if err := os.WriteFile(good, []byte("bridges: [{name: br0, ports: [{name: p, type: tap}]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		errs string // part of what standard error says
	}{
		{"version needs no daemon", []string{"version"}, exitOK, ""},
		{"a right configuration", []string{"config", "check", good}, exitOK, ""},
		{"no command", nil, exitUsage, "expected one of"},
		{"an unknown command", []string{"fly"}, exitUsage, "unexpected argument fly"},
		{"an unknown flag", []string{"show", "--bogus"}, exitUsage, "unknown flag --bogus"},
		{"a missing argument", []string{"port", "del"}, exitUsage, "<name>"},
		{"no rules", []string{"flow", "add", "br0"}, exitUsage, "want rules"},
		{"rules from two places", []string{"flow", "add", "br0", "a", "-f", "b"}, exitUsage, "not both"},
		{"deleting nothing in particular", []string{"flow", "del", "br0"}, exitUsage, "--all"},
		{"a bad list of VLANs", []string{"port", "add", "b", "p", "--type", "tap", "--trunks", "5-2"}, exitUsage, `found "5-2"`},
		{"a usage error as JSON", []string{"flow", "add", "br0", "--json"}, exitUsage, `"error": "usage"`},
		{"an unknown command, as JSON", []string{"fly", "--json"}, exitUsage, `"error": "usage"`},
		{"a demo for programs", []string{"demo", "--json"}, exitUsage, "no JSON"},
		{"a soak for programs", []string{"soak", "--json"}, exitUsage, "--report"},
		{"the daemon refuses", []string{"port", "list", "br9"}, exitFailed, "culvert: bridge br9: no such bridge\n"},
		{"the daemon refuses, as JSON", []string{"port", "list", "br9", "--json"}, exitFailed, `"error": "not-found"`},
		{"a rule with a mistake", []string{"flow", "add", "br0", "zap"}, exitConfig, ":2:1: want a field\n"},
		{"a configuration with a mistake", []string{"config", "check", bad}, exitConfig, bad + `:1:1: unknown key "bogus"`},
		{"the same, as JSON", []string{"config", "check", bad, "--json"}, exitConfig, `"line": 1`},
		{"applying it", []string{"config", "apply", bad}, exitConfig, bad + ":1:1: "},
		{"running it", []string{"run", "--config", bad}, exitConfig, bad + ":1:1: "},
		{"a configuration that is not there", []string{"config", "check", bad + "x"}, exitConfig, "no such file"},
		{"no daemon", []string{"show", "--socket", socket + "x"}, exitUnreachable, "is `culvert run` running"},
		{"a socket that is a file", []string{"show", "--socket", good}, exitUnreachable, "connection refused"},
		{"no daemon, as JSON", []string{"show", "--json", "--socket", socket + "x"}, exitUnreachable, `"error": "unreachable"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, errs, code := culvert(t, "", append([]string{"--socket", socket}, c.args...)...)
			if code != c.code || !strings.Contains(errs, c.errs) {
				t.Errorf("exit code %d, %q; want %d with %q", code, errs, c.code, c.errs)
			}
		})
	}
}

func TestLostFramesHaveAnExitCodeOfTheirOwn(t *testing.T) {
	if got := exitCode(fmt.Errorf("stop: %w", daemon.ErrLeaked)); got != exitLeaked {
		t.Errorf("got %d, want %d", got, exitLeaked)
	}
}

func TestPeopleReadSizesAndTimes(t *testing.T) {
	for in, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 1 << 20: "1 MiB", 1<<64 - 1: "16 EiB"} {
		if got := size(in); got != want {
			t.Errorf("size(%d) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[float64]string{0: "0s", 0.0123: "12ms", 1.26: "1.3s", 61.7: "1m2s", 90061: "25h1m1s"} {
		if got := seconds(in); got != want {
			t.Errorf("seconds(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestWhatIsMonitored(t *testing.T) {
	all, some := "", "table=1"
	for _, c := range []struct {
		name string
		cmd  monitorCmd
		want api.MonitorNext
	}{
		{"packets", monitorCmd{}, api.MonitorNext{Packets: true}},
		{"flows", monitorCmd{Flows: true}, api.MonitorNext{Flows: true}},
		{"some flows", monitorCmd{Watch: &some}, api.MonitorNext{Flows: true, Watch: &some}},
		{"all flows, those there are first", monitorCmd{Flows: true, Watch: &all}, api.MonitorNext{Flows: true, Watch: &all}},
		{"both", monitorCmd{Flows: true, Packets: true}, api.MonitorNext{Flows: true, Packets: true}},
		{"flows, and packets that go on", monitorCmd{Flows: true, Resume: true}, api.MonitorNext{Flows: true, Packets: true}},
	} {
		if got := c.cmd.query(); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

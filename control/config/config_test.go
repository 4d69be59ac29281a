package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/profile"
	"github.com/culvertdev/culvert/datapath/meter"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/gateway"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// parse checks text as the file dir/c.yaml, beside the given other files.
func parse(text string, files map[string]string) (*config.Config, error) {
	return config.Parse(config.Source{
		Name: "dir/c.yaml",
		Text: text,
		ReadFile: func(path string) ([]byte, error) {
			if t, ok := files[path]; ok {
				return []byte(t), nil
			}
			return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
		},
		Drivers: config.PortTypes{"afxdp": anything, "memory": memport.CheckOptions, "tap": anything, "vxlan": anything},
	})
}

// anything is the check of a type of port that takes any option.
func anything(map[string]string) error { return nil }

func mustParse(t *testing.T, text string, files map[string]string) *config.Config {
	t.Helper()
	c, err := parse(text, files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnEmptyFileIsTheDefaults(t *testing.T) {
	want := config.Default()
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "{}", "bridges: []"} {
		got := mustParse(t, text, nil)
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("%q: got %+v, want %+v", text, *got, want)
		}
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	got := mustParse(t, `
control: {socket: /tmp/s, mode: "0600", group: wheel}
metrics: {listen: "127.0.0.1:9090"}
log: {level: debug}
frames: {buffers: 4096, buffer-size: 4096, hugepages: never}
workers: {count: 3, cpus: [1, 4-5], latency: 50us, rebalance: off}
caches: {emc-entries: 1024, emc-insert: 1/100, flows: 1000, masks-per-port: 8, max-idle: 5s}
slow-path: {queue-length: 16, held: 32, send-rate: 7, revalidate: 100ms}
vlan-limit: 2
bridges:
  - name: br0
    mac-aging: 60s
    mac-table-size: 100
    forward-bpdu: true
    packet-in-rate: 50
    packet-in-burst: 60
    meters: ["meter=1,pktps,band=type=drop,rate=7"]
    ports:
      - name: p1
        type: afxdp
        device: veth0
        number: 7
        vlan: {mode: access, tag: 10}
        options: {mode: native, queues: 2, promiscuous: true, pass: [arp, lldp]}
      - {name: p2, type: memory, vlan: {trunks: [0, 10, 20-22]}}
      - {name: p3, type: tap, number: local, vlan: {tag: 5}}
      - {name: p4, type: tap, protected: true, mcast-snooping-flood: true, mcast-snooping-flood-reports: true, vlan: {mode: dot1q-tunnel, tag: 9, cvlans: [5], qinq-ethtype: 802.1q, priority-tags: always}}
      - {name: p5, type: tap, vlan: {mode: native-untagged, tag: 9, trunks: [5], priority-tags: if-nonzero}}
    flood-vlans: [7, 9-10]
    mcast-snooping-enable: true
    mcast-snooping-aging: 1m
    mcast-snooping-table-size: 100
    mcast-snooping-disable-flood-unregistered: true
    mirrors: [{name: m, select-all: true, select-src-port: [p1], select-dst-port: [p2, p3], select-vlan: [0, 5-6], output-port: p4, snaplen: 64}, {name: n, output-vlan: 4095}]
    tunnel-options: ['{class=0x102,type=0x80,len=4}->tun_metadata1']
    groups: ["group_id=1,type=all,bucket=p1"]
    flows:
      - "priority=10,in_port=7,actions=drop"
      - priority=0,actions=normal # a comment
    flows-file: more.txt
  - name: br1
  - name: gw0
    table: gateway
    ports: [{name: g1, type: tap}, {name: g2, type: tap}]
    gateway:
      interfaces:
        - {name: lan, ports: [g1], tagged: [{port: g2, vlan: 5}], mac: "02:00:00:00:00:01", addresses: [10.0.1.1/24, "fd00:1::1/64"]}
      routes: [{to: 0.0.0.0/0, via: 10.0.1.254}, {to: "10.66.0.1/16", drop: true}, {to: 10.77.0.0/16, via: [10.0.1.253, 10.0.1.254]}]
      neighbours: [{address: 10.0.1.254, mac: "02:00:00:00:00:fe"}]
      acl:
        - {action: deny, protocol: tcp, from: 10.0.1.0/24, to: any, to-ports: 25}
        - {action: permit, interface: lan, protocol: 47}
      acl-default: deny
`, map[string]string{"dir/more.txt": "# first\n\n  in_port=1,actions=flood\n"})
	want := config.Config{
		Control:   config.Control{Socket: "/tmp/s", Mode: 0o600, Group: "wheel"},
		Metrics:   config.Metrics{Listen: "127.0.0.1:9090"},
		Log:       config.Log{Level: slog.LevelDebug},
		Frames:    config.Frames{Buffers: 4096, BufferSize: 4096, Huge: frame.HugeNever},
		Workers:   config.Workers{Count: 3, CPUs: []int{1, 4, 5}, Latency: 50 * time.Microsecond, Rebalance: config.Never},
		Caches:    config.Caches{EMCEntries: 1024, EMCInsert: 100, Flows: 1000, MasksPerPort: 8, MaxIdle: 5 * time.Second},
		SlowPath:  config.SlowPath{QueueLength: 16, Held: 32, SendRate: 7, Revalidate: 100 * time.Millisecond},
		VLANLimit: 2,
		Bridges: []config.Bridge{{
			Name: "br0", MACAging: time.Minute, MACTableSize: 100, ForwardBPDU: true, FloodVLANs: []uint16{7, 9, 10},
			Snooping: openflow.Snooping{Enabled: true, Ageing: time.Minute, TableSize: 100, DropUnregistered: true},
			Mirrors: []openflow.Mirror{
				{Name: "m", SelectAll: true, SelectSrc: []string{"p1"}, SelectDst: []string{"p2", "p3"}, SelectVLANs: []uint16{0, 5, 6}, OutputPort: "p4", Snaplen: 64},
				{Name: "n", OutputVLAN: 4095},
			},
			PacketInRate: 50, PacketInBurst: 60, Meters: []openflow.Meter{{ID: 1, Packets: true, Bands: []meter.Band{{Rate: 7}}}},
			TunnelOptions: []flow.Option{{Class: 0x102, Type: 0x80, Size: 4, Field: flow.FieldTunMetadata0 + 1}},
			Ports: []config.Port{
				{Name: "p1", Type: "afxdp", Number: 7, VLAN: rules.VLAN{Mode: rules.VLANAccess, Tag: 10},
					Options: map[string]string{"device": "veth0", "mode": "native", "queues": "2", "promiscuous": "true", "pass": "arp,lldp"}},
				{Name: "p2", Type: "memory", VLAN: rules.VLAN{Trunks: []uint16{0, 10, 20, 21, 22}}, Options: map[string]string{}},
				{Name: "p3", Type: "tap", Number: 0xfffe, VLAN: rules.VLAN{Mode: rules.VLANAccess, Tag: 5}, Options: map[string]string{}},
				{Name: "p4", Type: "tap", Protected: true, Multicast: rules.PortMulticast{Flood: true, FloodReports: true}, Options: map[string]string{}, VLAN: rules.VLAN{
					Mode: rules.VLANDot1qTunnel, Tag: 9, CVLANs: []uint16{5}, QinQType: 0x8100, PriorityTags: rules.PriorityTagsAlways}},
				{Name: "p5", Type: "tap", Options: map[string]string{}, VLAN: rules.VLAN{
					Mode: rules.VLANNativeUntagged, Tag: 9, Trunks: []uint16{5}, PriorityTags: rules.PriorityTagsIfNonzero}},
			},
			Groups: []config.Rule{{Text: "group_id=1,type=all,bucket=p1", Place: config.Place{File: "dir/c.yaml", Line: 36, Column: 15}}},
			Rules: []config.Rule{
				{Text: "priority=10,in_port=7,actions=drop", Place: config.Place{File: "dir/c.yaml", Line: 38, Column: 10}},
				{Text: "priority=0,actions=normal", Place: config.Place{File: "dir/c.yaml", Line: 39, Column: 9}},
				{Text: "in_port=1,actions=flood", Place: config.Place{File: "dir/more.txt", Line: 3, Column: 3}},
			},
		}, {
			Name: "br1", MACAging: 300 * time.Second, MACTableSize: 8192, Normal: true,
		}, {
			Name: "gw0", MACAging: 300 * time.Second, MACTableSize: 8192,
			Ports: []config.Port{{Name: "g1", Type: "tap", Options: map[string]string{}}, {Name: "g2", Type: "tap", Options: map[string]string{}}},
			Gateway: &gateway.Config{
				Interfaces: []gateway.Interface{{
					Name: "lan", Members: []gateway.Member{{Port: "g1"}, {Port: "g2", VLAN: 5}}, MAC: [6]byte{2, 5: 1},
					Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.1/24"), netip.MustParsePrefix("fd00:1::1/64")},
				}},
				Routes: []gateway.Route{
					{To: netip.MustParsePrefix("0.0.0.0/0"), Via: []netip.Addr{netip.MustParseAddr("10.0.1.254")}},
					{To: netip.MustParsePrefix("10.66.0.0/16"), Drop: true},
					{To: netip.MustParsePrefix("10.77.0.0/16"), Via: []netip.Addr{netip.MustParseAddr("10.0.1.253"), netip.MustParseAddr("10.0.1.254")}},
				},
				Neighbours: []gateway.Neighbour{{Address: netip.MustParseAddr("10.0.1.254"), MAC: [6]byte{2, 5: 0xfe}}},
				ACL: []gateway.Rule{
					{Protocol: gateway.Protocol{Number: 6, Given: true}, From: netip.MustParsePrefix("10.0.1.0/24"), ToPorts: gateway.Ports{First: 25, Last: 25}},
					{Permit: true, Interface: "lan", Protocol: gateway.Protocol{Number: 47, Given: true}},
				},
				Deny: true,
			},
		}},
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
}

func TestABlockOfTextIsRulesToo(t *testing.T) {
	got := mustParse(t, "bridges:\n- name: b\n  flows: |\n    # first\n    in_port=1,actions=2\n\n    in_port=2,actions=1\n", nil)
	want := []config.Rule{
		{Text: "in_port=1,actions=2", Place: config.Place{File: "dir/c.yaml", Line: 5}},
		{Text: "in_port=2,actions=1", Place: config.Place{File: "dir/c.yaml", Line: 7}},
	}
	if b := got.Bridges[0]; !reflect.DeepEqual(b.Rules, want) || b.Normal {
		t.Errorf("got %+v, want %+v", b, want)
	}
	if b := mustParse(t, "bridges: [{name: b, flows: []}]", nil).Bridges[0]; b.Normal || len(b.Rules) != 0 {
		t.Errorf("an empty list of flows: got %+v, want no rule at all", b)
	}
}

func TestErrorsNamePlaceExpectedAndFound(t *testing.T) {
	const port = "bridges:\n- name: b\n  ports:\n  - "
	for _, c := range []struct{ name, text, want string }{
		{"not YAML", "a: [1, 2\nb: c\n", "dir/c.yaml:2:1: not YAML: ',' or ']' must be specified"},
		{"a tab", "\ta: b", "dir/c.yaml:1:2: not YAML: tab character cannot use as a map key directly"},
		{"two documents", "a: 1\n---\nb: 2\n", "dir/c.yaml:3:2: want one YAML document, found another"},
		{"a list at the top", "- a\n", `dir/c.yaml:1:1: want a mapping of keys to values, found a list`},
		{"text at the top", "hello\n", `dir/c.yaml:1:1: want a mapping of keys to values, found "hello"`},
		{"a slip in a key", "metrcis: {}\n", `dir/c.yaml:1:1: unknown key "metrcis"; did you mean metrics?`},
		{"an unknown key", "log: {colour: red}\n", `dir/c.yaml:1:7: log: unknown key "colour"; known here: level`},
		{"an option out of range", port + "{name: p, type: memory, options: {queues: 99}}\n",
			`dir/c.yaml:4:47: bridges[0].ports[0].options.queues: want a whole number from 1 to 64, found "99"`},
		{"an option nobody knows", port + "{name: p, type: memory, options: {qeues: 1}}\n",
			`dir/c.yaml:4:46: bridges[0].ports[0].options.qeues: unknown; want one of link, mac, mtu, queues, ring-size`},
		{"a key twice", "vlan-limit: 1\nvlan-limit: 2\n", "dir/c.yaml:2:1: want each key once, found vlan-limit again; the first is in line 1"},
		{"a key without a value", "workers:\n", "dir/c.yaml:1:1: workers: want a value, found nothing; leave the key out for its default"},
		{"a section that is a scalar", "workers: 2\n", `dir/c.yaml:1:10: workers: want a mapping of keys to values, found "2"`},
		{"a number that is text", "workers: {count: two}\n", `dir/c.yaml:1:18: workers.count: want a whole number from 1 to 64, found "two"`},
		{"a number with a fraction", "workers: {count: 1.5}\n", `dir/c.yaml:1:18: workers.count: want a whole number from 1 to 64, found "1.5"`},
		{"a number out of range", "vlan-limit: 3\n", `dir/c.yaml:1:13: vlan-limit: want a whole number from 1 to 2, found "3"`},
		{"a number that does not fit", "vlan-limit: 99999999999999999999999\n", `dir/c.yaml:1:13: vlan-limit: want a whole number from 1 to 2, found "99999999999999999999999"`},
		{"no power of two", "caches: {emc-entries: 1000}\n", `dir/c.yaml:1:23: caches.emc-entries: want a power of two from 64 to 1048576, found "1000"`},
		{"an arena too large", "frames: {buffers: 2097152, buffer-size: 4096}\n", "dir/c.yaml:1:9: frames: want buffers x buffer-size of at most 4 GiB, found 2097152 x 4096 bytes"},
		{"a time without unit", "caches: {max-idle: 10}\n", `dir/c.yaml:1:20: caches.max-idle: want a time with its unit (us, ms, s, m, h) from 100ms to 1h0m0s, found "10"`},
		{"a time out of range", "workers: {latency: 1s}\n", `dir/c.yaml:1:20: workers.latency: want spin, or a time with its unit (us, ms, s, m, h) from 10µs to 100ms, found "1s"`},
		{"a choice", "log: {level: loud}\n", `dir/c.yaml:1:14: log.level: want one of debug, info, warn, error, found "loud"`},
		{"a mode", "control: {mode: 0999}\n", `dir/c.yaml:1:17: control.mode: want octal permission bits such as 0660, found "0999"`},
		{"a listener", "metrics: {listen: 9090}\n", `dir/c.yaml:1:19: metrics.listen: want an address and port such as 127.0.0.1:9090, found "9090"`},
		{"a share", "caches: {emc-insert: 0.01}\n", `dir/c.yaml:1:22: caches.emc-insert: want 1/N with N from 1 to 1048576, such as 1/100, found "0.01"`},
		{"CPUs that are no list", "workers: {cpus: 1}\n", `dir/c.yaml:1:17: workers.cpus: want a list of numbers ([] for none), found "1"`},
		{"a CPU range backwards", "workers: {cpus: [5-2]}\n", `dir/c.yaml:1:18: workers.cpus[0]: want a whole number from 0 to 1023, or a range such as 0-3, found "5-2"`},
		{"a CPU twice", "workers: {cpus: [1, 0-2]}\n", `dir/c.yaml:1:21: workers.cpus[1]: want each number once, found 1 again`},
		{"fewer CPUs than workers", "workers: {count: 2, cpus: [1]}\n", `dir/c.yaml:1:27: workers.cpus: want as many CPUs as workers.count says (2), found 1`},
		{"an anchor", "log: &x {level: info}\n", "dir/c.yaml:1:6: log: want a mapping of keys to values, found an anchor (&), which this file may not have"},
		{"an alias", "log: *x\n", "dir/c.yaml:1:6: log: want a mapping of keys to values, found an alias (*), which this file may not have"},
		{"a merge key", "log:\n  <<: {level: info}\n", "dir/c.yaml:2:3: log: want a key, found a merge key (<<), which this file may not have"},
		{"bridges that are a mapping", "bridges: {br0: {}}\n", "dir/c.yaml:1:10: bridges: want a list of bridges ([] for none), found a mapping"},
		{"a bridge without a name", "bridges:\n- mac-aging: 60s\n", "dir/c.yaml:2:3: bridges[0]: want name: the bridge's name, found none"},
		{"a bridge name twice", "bridges:\n- name: b\n- name: b\n", "dir/c.yaml:3:9: bridges[1].name: want a name of its own, found b again; the first is in line 2"},
		{"a port name that is a number", port + "{name: 12, type: memory}\n", `dir/c.yaml:4:12: bridges[0].ports[0].name: want a name: 1 to 63 letters, digits and _ . : @ -, neither a number nor a port word of OpenFlow, found "12"`},
		{"a port name that means something", port + "{name: FLOOD, type: memory}\n", `dir/c.yaml:4:12: bridges[0].ports[0].name: want a name: 1 to 63 letters, digits and _ . : @ -, neither a number nor a port word of OpenFlow, found "FLOOD"`},
		{"a port without a type", port + "{name: p}\n", "dir/c.yaml:4:5: bridges[0].ports[0]: want type: one of afxdp, memory, tap, vxlan, found none"},
		{"a port type that does not exist", port + "{name: p, type: dpdk}\n", `dir/c.yaml:4:21: bridges[0].ports[0].type: want one of afxdp, memory, tap, vxlan, found "dpdk"`},
		{"a port number twice", port + "{name: p, type: tap, number: 1}\n  - {name: q, type: tap, number: 0x1}\n", "dir/c.yaml:5:34: bridges[0].ports[1].number: want a number of its own, found 0x1 again; the first is in line 4"},
		{"a port name twice, on two bridges", port + "{name: p, type: tap}\n- name: c\n  ports: [{name: p, type: tap}]\n", "dir/c.yaml:6:18: bridges[1].ports[0].name: want a name of its own, found p again; the first is in line 4"},
		{"a reserved port number", port + "{name: p, type: tap, number: 65280}\n", `dir/c.yaml:4:34: bridges[0].ports[0].number: want a whole number from 1 to 65279, or local, found "65280"`},
		{"an access port without a tag", port + "{name: p, type: tap, vlan: {mode: access}}\n", "dir/c.yaml:4:32: bridges[0].ports[0].vlan: want a tag in access mode, found none"},
		{"a trunk port with a tag", port + "{name: p, type: tap, vlan: {mode: trunk, tag: 5}}\n", "dir/c.yaml:4:32: bridges[0].ports[0].vlan: want no tag in trunk mode"},
		{"an access port with trunks", port + "{name: p, type: tap, vlan: {tag: 5, trunks: [1]}}\n", "dir/c.yaml:4:32: bridges[0].ports[0].vlan: want no trunks in access mode"},
		{"a native VLAN without a tag", port + "{name: p, type: tap, vlan: {mode: native-tagged}}\n", "dir/c.yaml:4:32: bridges[0].ports[0].vlan: want a tag in native-tagged mode, found none"},
		{"a tunnel with trunks", port + "{name: p, type: tap, vlan: {mode: dot1q-tunnel, tag: 5, trunks: [1]}}\n", "dir/c.yaml:4:32: bridges[0].ports[0].vlan: want no trunks in dot1q-tunnel mode"},
		{"cvlans without a tunnel", port + "{name: p, type: tap, vlan: {cvlans: [1]}}\n", "dir/c.yaml:4:32: bridges[0].ports[0].vlan: want no cvlans in trunk mode, only in dot1q-tunnel"},
		{"a service tag without a tunnel", port + "{name: p, type: tap, vlan: {tag: 5, qinq-ethtype: 802.1q}}\n", "dir/c.yaml:4:32: bridges[0].ports[0].vlan: want no qinq-ethtype in access mode, only in dot1q-tunnel"},
		{"a mode that is none", port + "{name: p, type: tap, vlan: {mode: hybrid}}\n", `dir/c.yaml:4:39: bridges[0].ports[0].vlan.mode: want one of trunk, access, native-tagged, native-untagged, dot1q-tunnel, found "hybrid"`},
		{"VLAN 4095", port + "{name: p, type: tap, vlan: {tag: 4095}}\n", `dir/c.yaml:4:38: bridges[0].ports[0].vlan.tag: want a whole number from 1 to 4094, found "4095"`},
		{"a mirror to nowhere", port + "{name: p, type: tap}\n  mirrors: [{name: m, select-all: true}]\n", "dir/c.yaml:5:13: bridges[0].mirrors[0]: want either output-port or output-vlan"},
		{"a mirror to two places", port + "{name: p, type: tap}\n  mirrors: [{name: m, output-port: p, output-vlan: 5}]\n", "dir/c.yaml:5:13: bridges[0].mirrors[0]: want either output-port or output-vlan"},
		{"a mirror to another bridge's port", port + "{name: p, type: tap}\n  mirrors: [{name: m, output-port: q}]\n", `dir/c.yaml:5:36: bridges[0].mirrors[0].output-port: want one of the bridge's ports: p, found "q"`},
		{"a mirror of nobody's port", port + "{name: p, type: tap}\n  mirrors: [{name: m, output-port: p, select-src-port: [q]}]\n", `dir/c.yaml:5:57: bridges[0].mirrors[0].select-src-port[0]: want one of the bridge's ports: p, found "q"`},
		{"two mirrors of a name", port + "{name: p, type: tap}\n  mirrors: [{name: m, output-vlan: 5}, {name: m, output-vlan: 6}]\n", "dir/c.yaml:5:47: bridges[0].mirrors[1].name: want a name of its own, found m again; the first is in line 5"},
		{"a mirror of too little", port + "{name: p, type: tap}\n  mirrors: [{name: m, output-vlan: 5, snaplen: 13}]\n", `dir/c.yaml:5:48: bridges[0].mirrors[0].snaplen: want a whole number from 14 to 65535, found "13"`},
		{"the device twice", port + "{name: p, type: tap, device: a, options: {device: b}}\n", "dir/c.yaml:4:34: bridges[0].ports[0].device: want the device once, found options.device too"},
		{"an option that is a mapping", port + "{name: p, type: tap, options: {a: {}}}\n", "dir/c.yaml:4:39: bridges[0].ports[0].options.a: want text, a number, true or false, or a list of them, found a mapping"},
		{"flows without a value", "bridges:\n- name: b\n  flows:\n", "dir/c.yaml:3:3: bridges[0].flows: want a value, found nothing; leave the key out for its default"},
		{"a flows-file that is not there", "bridges:\n- name: b\n  flows-file: f\n", "dir/c.yaml:3:15: bridges[0].flows-file: want a file that can be read, found open dir/f: file does not exist"},
		{"a mistake in a quoted rule", "bridges:\n- name: b\n  flows:\n  - \"in_port=1,actions=zap\"\n", "dir/c.yaml:4:24: rule: "},
		{"a mistake in a plain rule", "bridges:\n- name: b\n  flows: [ipp]\n", "dir/c.yaml:3:11: rule: "},
		{"a mistake in a block of rules", "bridges:\n- name: b\n  flows: |\n    actions=drop\n    zap=1,actions=drop\n", "dir/c.yaml:5: rule: "},
		{"a mistake in a file of rules", "bridges:\n- name: b\n  flows-file: rules\n", "dir/rules:2:3: rule: "},
		{"a rule that names no port of its bridge", "bridges:\n- name: b\n  flows: ['actions=output:p9']\n", "dir/c.yaml:3:20: rule: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(c.text, map[string]string{"dir/rules": "# a comment\n  zap=1 actions=drop\n"})
			if strings.HasSuffix(c.want, ": rule: ") { // the rest is the rule parser's
				if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("got  %v\nwant %s...", err, c.want)
				}
				return
			}
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestMistakesInAGatewayAreNamedWhereTheyStand(t *testing.T) {
	const head = "bridges:\n- name: g\n  ports: [{name: p, type: tap}]\n  table: gateway\n"
	const section = head + "  gateway:\n    interfaces:\n    - {name: i, ports: [p], addresses: [10.0.1.1/24]}\n    "
	for _, c := range []struct{ name, text, want string }{
		{"no section", head, "dir/c.yaml:2:3: bridges[0]: want gateway: what the gateway does, found none"},
		{"the section without the table", "bridges:\n- name: g\n  gateway: {}\n", "dir/c.yaml:3:12: bridges[0].gateway: want table: gateway in the bridge that has this section"},
		{"flows", head + "  gateway: {}\n  flows: []\n", "dir/c.yaml:6:10: bridges[0].flows: want it in bridges with the table openflow only"},
		{"VLANs of a port", strings.Replace(head, "type: tap", "type: tap, vlan: {tag: 5}", 1) + "  gateway: {}\n", "dir/c.yaml:3:10: bridges[0].ports: port p: want no vlan in a bridge with the table gateway: its interfaces say which VLANs a port has"},
		{"a tunnel by flow", strings.Replace(head, "type: tap", "type: vxlan, options: {remote_ip: 192.0.2.1, key: flow}", 1) + "  gateway: {}\n", "dir/c.yaml:3:10: bridges[0].ports: port p: out_key: want it not by flow in a bridge with the table gateway, no rule of which sets tunnel fields"},
		{"a table that is none", "bridges:\n- name: g\n  table: magic\n", `dir/c.yaml:3:10: bridges[0].table: want one of openflow, gateway, found "magic"`},
		{"a port that is not there", head + "  gateway: {interfaces: [{name: i, ports: [q]}]}\n", `dir/c.yaml:5:44: bridges[0].gateway.interfaces[0].ports[0]: want a port of the bridge, found "q"`},
		{"an address without a prefix", head + "  gateway: {interfaces: [{name: i, ports: [p], addresses: [10.0.0.1]}]}\n", `dir/c.yaml:5:60: bridges[0].gateway.interfaces[0].addresses[0]: want an address with its prefix length, such as 192.0.2.1/24, found "10.0.0.1"`},
		{"a group as Ethernet address", head + "  gateway: {interfaces: [{name: i, ports: [p], mac: '01:00:00:00:00:01'}]}\n", `dir/c.yaml:5:53: bridges[0].gateway.interfaces[0].mac: want a unicast Ethernet address such as 02:00:00:00:00:01, found "01:00:00:00:00:01"`},
		{"a router out of reach", section + "routes:\n    - {to: 0.0.0.0/0, via: 10.0.2.1}\n", "dir/c.yaml:9:7: bridges[0].gateway.routes[0]: via 10.0.2.1: no interface has an address whose prefix it is in"},
		{"ports of a protocol without any", section + "acl:\n    - {action: permit, protocol: icmp, to-ports: 5}\n", "dir/c.yaml:9:7: bridges[0].gateway.acl[0]: ports: want the protocol tcp, udp or sctp with them"},
		{"a range the wrong way round", section + "acl:\n    - {action: permit, protocol: tcp, to-ports: 9-5}\n", `dir/c.yaml:9:49: bridges[0].gateway.acl[0].to-ports: want a port from 1 to 65535, or a range such as 8000-8080, found "9-5"`},
		{"a slip in a key", section + "acls: []\n", `dir/c.yaml:8:5: bridges[0].gateway: unknown key "acls"; did you mean acl?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := parse(c.text, nil); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestAllErrorsAreReportedAtOnceInOrder(t *testing.T) {
	_, err := parse("vlan-limit: 9\nbogus: 1\nbridges:\n- name: b\n  ports: [{name: p, typ: tap}]\nlog: {level: 1}\n", nil)
	var all config.Errors
	if !errors.As(err, &all) {
		t.Fatalf("got %T", err)
	}
	var lines []int
	for _, e := range all {
		lines = append(lines, e.Line)
	}
	if want := []int{1, 2, 5, 5, 6}; !reflect.DeepEqual(lines, want) {
		t.Errorf("got errors in lines %v, want %v:\n%v", lines, want, err)
	}
}

func TestWhatIsTooLargeIsRefusedQuickly(t *testing.T) {
	for name, text := range map[string]string{
		"brackets":    strings.Repeat("[", 100000),
		"braces":      strings.Repeat("{a: ", 50000),
		"dashes":      strings.Repeat("- ", 100000),
		"anchors":     strings.Repeat("&a ", 100000),
		"tags":        strings.Repeat("!t ", 100000),
		"question":    strings.Repeat("? ", 100000),
		"indentation": indented(400),
		"size":        strings.Repeat("#", config.MaxFile+1),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if _, err := parse(text, nil); err == nil {
				t.Error("got no error")
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func indented(levels int) string {
	var b strings.Builder
	for i := range levels {
		fmt.Fprintf(&b, "%sa:\n", strings.Repeat(" ", i))
	}
	return b.String()
}

// FuzzConfig checks arbitrary text: it is refused with errors that have a place and a problem, or it
// gives a configuration within the documented bounds.
func FuzzConfig(f *testing.F) {
	f.Add("workers: {count: 2, cpus: [1, 2-3], latency: 1ms}\nvlan-limit: 2\n")
	f.Add("bridges:\n- name: br0\n  ports:\n  - {name: p1, type: memory, number: 1, vlan: {tag: 5}, options: {a: [1, b]}}\n  flows: |\n    in_port=1,actions=normal\n")
	f.Add("profiles: [{name: p, lookup: {kind: learn, options: {flood: [192.0.2.1, 192.0.2.2]}}, invalidation: {kind: svp, options: {server: s}}, life: 1h}]\n")
	f.Add("profiles: [{name: p, suppress: yes, lookup: {kind: file}}]\nbridges: [{name: b, ports: [{name: t, type: vxlan, options: {remote_ip: lookup, profile: q}}]}]\n")
	f.Add("a: &x [*x]\n? b\n: !!str c\n---\n'q': \"\\u00e9\"\n")
	f.Add("control: {mode: 0o660}\nbridges: [{name: b, flows: ['actions=drop'], flows-file: rules}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse(text, map[string]string{"dir/rules": text})
		if err != nil {
			var all config.Errors
			if !errors.As(err, &all) || len(all) == 0 {
				t.Fatalf("got %T %v, want config.Errors", err, err)
			}
			for _, e := range all {
				if e.File == "" || e.Problem == "" || e.Line < 0 || e.Column < 0 {
					t.Errorf("error %+v without place or problem", e)
				}
			}
			return
		}
		if c.Workers.Count < 1 || c.Workers.Count > 64 || c.Frames.Buffers < 1024 || c.VLANLimit < 1 || c.VLANLimit > 2 {
			t.Errorf("out of bounds: %+v", c)
		}
		for _, p := range c.Profiles {
			if err := profile.Check(p.Config); err != nil || !config.ValidName(p.Name) {
				t.Errorf("profile %q: %v", p.Name, err)
			}
		}
		for _, b := range c.Bridges {
			if !config.ValidName(b.Name) {
				t.Errorf("bridge name %q", b.Name)
			}
		}
	})
}

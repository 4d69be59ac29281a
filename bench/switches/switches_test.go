package switches

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/pmd/xsk"
	"github.com/culvertdev/culvert/vhost"
)

func TestWorkersSayInWhichStagesTheirCyclesWent(t *testing.T) {
	worker := func(packets, receive, parse uint64) api.Worker {
		return api.Worker{Stages: api.Stages{Packets: packets, Cycles: []api.Counter{{Name: "receive", Value: receive}, {Name: "parse", Value: parse}, {Name: "slow_path"}}}}
	}
	got := stagesBetween([]api.Worker{worker(100, 1000, 10), worker(0, 0, 0)}, []api.Worker{worker(110, 1600, 110), worker(10, 0, 100)})
	want := []result.Stage{{Name: "receive", Cycles: 30}, {Name: "parse", Cycles: 10}}
	if !slices.Equal(got, want) {
		t.Errorf("stages are %v, want %v", got, want)
	}
}

// Most packets leave when all queues have been visited, so what the queues' visits took is not all that they cost.
func TestAPacketCostsAllOfItsBusyPollCycles(t *testing.T) {
	cycles, packets := busy([]api.Worker{{BusyCycles: 900, IdleCycles: 50, Packets: 3}, {BusyCycles: 100, Packets: 2}})
	if cycles != 1000 || packets != 5 {
		t.Errorf("got %d cycles for %d packets, want 1000 for 5", cycles, packets)
	}
}

func TestCulvertIsConfiguredForEveryScene(t *testing.T) {
	guests := []Port{{Socket: "/run/a"}, {Socket: "/run/b"}}
	end := netip.MustParseAddr("10.99.0.1")
	for _, c := range []struct {
		name    string
		culvert Culvert
		scene   Scene
	}{
		{"vhost-user", Culvert{}, Scene{CPU: 1, Ports: guests}},
		{"AF_XDP", Culvert{}, Scene{CPU: 1, Ports: []Port{{Device: "p1"}, {Device: "p2"}}}},
		{"long packets", Culvert{Ports: "gather: 0s"}, Scene{CPU: 1, Ports: guests, MTU: 9000}},
		{"four ports", Culvert{}, Scene{CPU: 1, Ports: []Port{{Device: "p1"}, {Device: "p2"}, {Device: "p3"}, {Socket: "/run/a"}}}},
		{"with options", Culvert{Ports: "gather: 0s", Config: "frames: {buffers: 8192}\n"}, Scene{Ports: guests, NoExact: true, Inline: true}},
		{"a tunnel", Culvert{Ports: "gather: 0s"}, Scene{Ports: guests, Tunnel: &Tunnel{Type: "geneve", Key: 42, Near: end, Far: end.Next(), NearMAC: [6]byte{2, 0, 0, 0, 0, 1}, FarMAC: [6]byte{2, 0, 0, 0, 0, 2}}}},
	} {
		text := c.culvert.text(c.scene)
		types := config.PortTypes{vhost.DriverName: vhost.CheckOptions, "afxdp": xsk.CheckOptions, "vxlan": noOptions, "geneve": noOptions}
		if _, err := config.Parse(config.Source{Name: "c.yaml", Text: text, Drivers: types}); err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, text)
		}
		if got, want := strings.Count(text, "mtu: 9000"), min(c.scene.MTU, 1)*len(c.scene.Ports); got != want {
			t.Errorf("%s: %d ports take long packets, want %d", c.name, got, want)
		}
	}
}

func TestASwitchOfTheUsersOwnIsNamedOnOneLine(t *testing.T) {
	for text, want := range map[string]Own{
		"vpp,a=/run/0,b=/run/1,pid=42,rules=tee /tmp/a,b": {
			Called: "vpp", Ports: [2]Port{{Socket: "/run/0"}, {Socket: "/run/1"}}, Process: 42, Rules: "tee /tmp/a,b",
		},
		"br,a=afpacket:eth0@h1,b=afxdp:eth0@/proc/7/ns/net": {
			Called: "br", Ports: [2]Port{{Peer: Interface{"afpacket", "eth0", "/run/netns/h1"}}, {Peer: Interface{"afxdp", "eth0", "/proc/7/ns/net"}}},
		},
		"br,a=afxdp:eth0,b=afxdp:eth1": {Called: "br", Ports: [2]Port{{Peer: Interface{Type: "afxdp", Device: "eth0"}}, {Peer: Interface{Type: "afxdp", Device: "eth1"}}}},
	} {
		if got, err := ParseOwn(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, wrong := range []string{
		"", "vpp", "vpp,a=/x", "vpp,a=/x,b=/x", ",a=/x,b=/y", "vpp,a=/x,b=/y,pid=0", "vpp,a=/x,b=/y,pid=x", "vpp,c=/x",
		"br,a=afxdp:eth0,b=/x", "br,a=afxdp:,b=afxdp:eth0", "br,a=afxdp:eth0@h1,b=afxdp:eth0@h1", "br,a=,b=afxdp:eth0",
	} {
		if o, err := ParseOwn(wrong); err == nil {
			t.Errorf("%q: got %+v, want an error", wrong, o)
		}
	}
}

func TestSettingsOfOpenVSwitchAreTheSameInEveryRun(t *testing.T) {
	got := withoutFiles(`{dpdk-extra="--in-memory --no-pci --file-prefix=ovs17", pmd-cpu-mask="0x2"} vhost-server-path="/tmp/culvert-bench-1/vu0"`)
	if want := `{dpdk-extra="--in-memory --no-pci ", pmd-cpu-mask="0x2"} vhost-server-path="vu0"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if strings.Contains(withoutFiles("/a/b/c"), "/") {
		t.Error("a path is left")
	}
}

func noOptions(map[string]string) error { return nil }

package daemon_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/control/daemon"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

const twoPorts = `
bridges:
- name: br0
  ports:
  - {name: p1, type: memory}
  - {name: p2, type: memory}
`

func TestALearningSwitchOutOfTheBox(t *testing.T) {
	l := start(t, twoPorts)
	p1, p2 := l.peer("p1"), l.peer("p2")
	p1.SendBytes(packet(1, 2))
	arrives(t, p2, 1)
	p2.SendBytes(packet(2, 1))
	arrives(t, p1, 1)

	t.Run("its addresses are shown", func(t *testing.T) {
		var got []string
		eventually(t, "both addresses are learned", func() bool {
			got = nil
			for _, e := range call(l, api.FDBShow, api.BridgeName{}) {
				got = append(got, e.Port+" "+e.MAC)
			}
			return len(got) == 2
		})
		if want := []string{"p1 02:00:00:00:00:01", "p2 02:00:00:00:00:02"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	t.Run("its counters add up", func(t *testing.T) {
		l.settled(2)
		s := call(l, api.GetStats, api.Nothing{})
		sum, received := uint64(0), uint64(0)
		for _, c := range s.Caches {
			sum += c.Value
		}
		for _, p := range call(l, api.PortList, api.PortFilter{}) {
			received += value(p.Counters, "rx_packets")
		}
		if s.Packets != 2 || sum != 2 || received != 2 {
			t.Errorf("packets %d, sum over cache levels %d, received by ports %d; want 2 each", s.Packets, sum, received)
		}
	})
	t.Run("its flows are shown, busiest first, and by port", func(t *testing.T) {
		p1.SendBytes(packet(1, 2), packet(1, 2))
		arrives(t, p2, 2)
		all := call(l, api.CacheDump, api.CacheFilter{})
		if len(all) == 0 || !strings.Contains(all[0].Match, "in_port=p") {
			t.Fatalf("got %+v", all)
		}
		for _, f := range call(l, api.CacheDump, api.CacheFilter{Port: "p2"}) {
			if !strings.Contains(f.Match, "in_port=p2") {
				t.Errorf("got %q among the flows of p2", f.Match)
			}
		}
		if one := call(l, api.CacheDump, api.CacheFilter{Limit: 1}); len(one) != 1 {
			t.Errorf("got %d flows, want 1", len(one))
		}
		refuse(l, api.CacheDump, api.CacheFilter{Limit: -1}, api.BadParams)
		refuse(l, api.CacheDump, api.CacheFilter{Port: "p9"}, api.NotFound)
	})
	t.Run("show tells about it all", func(t *testing.T) {
		o := call(l, api.Show, api.Nothing{})
		if len(o.Bridges) != 1 || o.Bridges[0].Rules != 1 || o.Bridges[0].MACs != 2 || len(o.Bridges[0].Ports) != 2 ||
			len(o.Workers) != 1 || o.Frames.Buffers != 8192 || o.Version.Version != "test" || o.Config != "c.yaml" {
			t.Errorf("got %+v", o)
		}
	})
}

func value(counters []api.Counter, name string) uint64 {
	for _, c := range counters {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}

func TestARuleBitesWhenTheCallReturns(t *testing.T) {
	l := start(t, twoPorts)
	p1, p2 := l.peer("p1"), l.peer("p2")
	p1.SendBytes(packet(1, 2))
	arrives(t, p2, 1)
	for i := range 3 {
		drop := api.FlowText{Lines: []string{"# a comment", "priority=9,in_port=p1,dl_src=02:00:00:00:00:01,actions=drop"}}
		if got := call(l, api.FlowAdd, drop); got.Count != 1 {
			t.Fatalf("added %d rules, want 1", got.Count)
		}
		before := call(l, api.GetStats, api.Nothing{}).Packets
		p1.SendBytes(packet(1, 2), packet(1, 2))
		l.settled(before + 2)
		if got := p2.RecvBytes(); len(got) != 0 {
			t.Fatalf("round %d: %d packets passed the rule", i, len(got))
		}
		if got := value(call(l, api.GetStats, api.Nothing{}).Drops, "rule"); got != uint64(2*(i+1)) {
			t.Errorf("round %d: %d drops by rule, want %d", i, got, 2*(i+1))
		}
		if got := call(l, api.FlowDel, api.FlowText{Lines: []string{"in_port=p1"}}); got.Count != 1 {
			t.Fatalf("deleted %d rules, want 1", got.Count)
		}
		p1.SendBytes(packet(1, 2))
		arrives(t, p2, 1)
	}
}

func TestRulesAreListedChangedAndDeleted(t *testing.T) {
	l := start(t, twoPorts+"- name: br1\n  flows: []\n")
	if got := call(l, api.FlowDump, api.FlowMatch{}); len(got) != 1 || got[0].Bridge != "br0" || got[0].Actions != "NORMAL" {
		t.Fatalf("at the start: got %+v", got)
	}
	add := api.FlowText{Bridge: "br1", Lines: []string{"table=1,ip,nw_src=10.0.0.0/8,actions=1", "ip,nw_src=10.1.0.0/16,actions=2", "arp,actions=flood"}}
	call(l, api.FlowAdd, add)
	if got := call(l, api.FlowDump, api.FlowMatch{Bridge: "br1", Match: "ip"}); len(got) != 2 {
		t.Errorf("dump of ip: got %+v", got)
	}
	if got := call(l, api.FlowMod, api.FlowText{Bridge: "br1", Lines: []string{"ip,actions=drop"}}); got.Count != 2 {
		t.Errorf("changed %d rules, want 2", got.Count)
	}
	if got := call(l, api.FlowDel, api.FlowText{Bridge: "br1", Lines: []string{"priority=32768,arp"}, Strict: true}); got.Count != 1 {
		t.Errorf("deleted %d rules, want 1", got.Count)
	}
	if got := call(l, api.FlowDel, api.FlowText{Bridge: "br1"}); got.Count != 2 {
		t.Errorf("deleted %d rules, want the last 2", got.Count)
	}
	t.Run("mistakes are all reported, and then nothing is added", func(t *testing.T) {
		bad := api.FlowText{Bridge: "br1", Name: "f.txt", Lines: []string{"actions=1", "zap=1,actions=1", "", "actions=zap"}}
		e := refuse(l, api.FlowAdd, bad, api.BadConfig)
		if len(e.Problems) != 2 || e.Problems[0].Line != 2 || e.Problems[1].Line != 4 || !strings.HasPrefix(e.Details, "f.txt:2:1: ") {
			t.Errorf("got %+v", e)
		}
		if got := call(l, api.FlowDump, api.FlowMatch{Bridge: "br1"}); len(got) != 0 {
			t.Errorf("got rules %+v", got)
		}
	})
	refuse(l, api.FlowAdd, api.FlowText{Lines: []string{"actions=1"}}, api.BadParams) // which bridge?
	refuse(l, api.FlowAdd, api.FlowText{Bridge: "br9"}, api.NotFound)
	refuse(l, api.FlowDump, api.FlowMatch{Bridge: "br9"}, api.NotFound)
	refuse(l, api.FlowDump, api.FlowMatch{Match: "zap"}, api.BadConfig)
}

func TestRulesEndByThemselves(t *testing.T) {
	l := start(t, twoPorts)
	call(l, api.FlowAdd, api.FlowText{Lines: []string{"hard_timeout=1,arp,actions=drop"}})
	eventually(t, "the rule ends", func() bool { return len(call(l, api.FlowDump, api.FlowMatch{})) == 1 })
}

func TestPortsComeAndGoByCommand(t *testing.T) {
	l := start(t, twoPorts)
	p1 := l.peer("p1")
	added := call(l, api.PortAdd, api.NewPort{Name: "p3", Type: "memory", VLAN: api.VLAN{Tag: 7}, Options: map[string]string{"mtu": "9000"}})
	if added.Number != 3 || added.VLAN.Mode != "access" || added.MTU != 9000 || !added.Open {
		t.Errorf("got %+v", added)
	}
	p3 := l.peer("p3")
	p3.SendBytes(packet(3, 1))
	eventually(t, "the packet arrives tagged", func() bool {
		got := p1.RecvBytes()
		return len(got) == 1 && len(got[0]) == 64 && got[0][12] == 0x81 && got[0][15] == 7
	})
	call(l, api.PortDel, api.PortName{Name: "p3"})
	if got := call(l, api.PortList, api.PortFilter{}); len(got) != 2 {
		t.Errorf("got %d ports, want 2", len(got))
	}
	for name, n := range map[string]struct {
		api.NewPort
		api.Code
	}{
		"a name that is taken":                 {api.NewPort{Name: "p1", Type: "memory"}, api.Exists},
		"a number that is taken":               {api.NewPort{Name: "p4", Type: "memory", Number: 1}, api.Failed},
		"a type that does not exist":           {api.NewPort{Name: "p4", Type: "dpdk"}, api.BadParams},
		"a name that is a number":              {api.NewPort{Name: "4", Type: "memory"}, api.BadParams},
		"an access port without a tag":         {api.NewPort{Name: "p4", Type: "memory", VLAN: api.VLAN{Mode: "access"}}, api.BadParams},
		"a tunnel without a tag":               {api.NewPort{Name: "p4", Type: "memory", VLAN: api.VLAN{Mode: "dot1q-tunnel"}}, api.BadParams},
		"a VLAN mode that is none":             {api.NewPort{Name: "p4", Type: "memory", VLAN: api.VLAN{Mode: "hybrid", Tag: 3}}, api.BadParams},
		"priority tags of a kind that is none": {api.NewPort{Name: "p4", Type: "memory", VLAN: api.VLAN{PriorityTags: "sometimes"}}, api.BadParams},
		"a service tag of a type that is none": {api.NewPort{Name: "p4", Type: "memory", VLAN: api.VLAN{Mode: "dot1q-tunnel", Tag: 3, QinQType: "0x9100"}}, api.BadParams},
		"a VLAN out of range":                  {api.NewPort{Name: "p4", Type: "memory", VLAN: api.VLAN{Trunks: []int{4095}}}, api.BadParams},
		"a bridge that is not there":           {api.NewPort{Name: "p4", Type: "memory", Bridge: "br9"}, api.NotFound},
		"options of another driver":            {api.NewPort{Name: "p4", Type: "memory", Options: map[string]string{"mode": "native"}}, api.BadParams},
	} {
		t.Run(name+" is refused", func(t *testing.T) { refuse(l, api.PortAdd, n.NewPort, n.Code) })
	}
	refuse(l, api.PortDel, api.PortName{Name: "p9"}, api.NotFound)
	refuse(l, api.PortList, api.PortFilter{Name: "p9"}, api.NotFound)
	refuse(l, api.PortList, api.PortFilter{Bridge: "br9"}, api.NotFound)
}

func TestAPortTakesPartInWhatItIsToldTo(t *testing.T) {
	l := start(t, twoPorts)
	p1, p2 := l.peer("p1"), l.peer("p2")
	got := call(l, api.PortModify, api.PortMod{Name: "p2", Settings: []string{"no-flood", "no-receive"}})
	if !slices.Equal(got.Settings, []string{"no-receive", "no-flood"}) {
		t.Errorf("got settings %v", got.Settings)
	}
	p1.SendBytes(packet(1, 2))
	p2.SendBytes(packet(2, 1))
	eventually(t, "both packets dropped", func() bool { // settled is not enough: one may still be with the slow path
		dropped := uint64(0)
		for _, d := range call(l, api.GetStats, api.Nothing{}).Drops {
			dropped += d.Value
		}
		return dropped == 2
	})
	if a, b := len(p1.RecvBytes()), len(p2.RecvBytes()); a != 0 || b != 0 {
		t.Errorf("%d and %d packets passed, want none", a, b)
	}
	call(l, api.PortModify, api.PortMod{Name: "p2", Settings: []string{"flood", "receive"}})
	p1.SendBytes(packet(1, 2))
	arrives(t, p2, 1)
	p2.SendBytes(packet(2, 1))
	arrives(t, p1, 1)
	refuse(l, api.PortModify, api.PortMod{Name: "p9", Settings: []string{"down"}}, api.NotFound)
	refuse(l, api.PortModify, api.PortMod{Name: "p1"}, api.BadParams)
	refuse(l, api.PortModify, api.PortMod{Name: "p1", Settings: []string{"upp"}}, api.BadParams)
	refuse(l, api.PortModify, api.PortMod{Name: "p1", Settings: []string{"up", "down"}}, api.BadParams)
}

func TestAddressesAreAddedAndForgotten(t *testing.T) {
	l := start(t, twoPorts)
	p1, p2 := l.peer("p1"), l.peer("p2")
	call(l, api.FDBAdd, api.NewFDBEntry{Port: "p2", MAC: "02:00:00:00:00:09", VLAN: 3})
	p1.SendBytes(packet(1, 2))
	arrives(t, p2, 1)
	eventually(t, "the address is learned", func() bool { return len(call(l, api.FDBShow, api.BridgeName{})) == 2 })
	if got := call(l, api.FDBFlush, api.FDBFilter{Port: "p2"}); got.Count != 0 {
		t.Errorf("flushed %d on p2, want 0: the one there is static", got.Count)
	}
	if got := call(l, api.FDBFlush, api.FDBFilter{}); got.Count != 1 {
		t.Errorf("flushed %d, want 1", got.Count)
	}
	call(l, api.FDBDel, api.FDBKey{MAC: "02:00:00:00:00:09", VLAN: 3})
	refuse(l, api.FDBDel, api.FDBKey{MAC: "02:00:00:00:00:09", VLAN: 3}, api.NotFound)
	refuse(l, api.FDBAdd, api.NewFDBEntry{Port: "p9", MAC: "02:00:00:00:00:09"}, api.NotFound)
	refuse(l, api.FDBAdd, api.NewFDBEntry{Port: "p1", MAC: "01:00:00:00:00:09"}, api.BadParams)
	refuse(l, api.FDBAdd, api.NewFDBEntry{Port: "p1", MAC: "02:00:00:00:00:09", VLAN: 4096}, api.BadParams)
	refuse(l, api.FDBFlush, api.FDBFilter{Port: "p9"}, api.NotFound)
	refuse(l, api.FDBFlush, api.FDBFilter{VLAN: new(5000)}, api.BadParams)
}

func TestAPortThatDoesNotOpenIsShownAndTriedAgain(t *testing.T) {
	// A link has two ends, and three ports want one.
	const port = "type: memory, options: {link: x}}"
	l := start(t, "bridges: [{name: br0, ports: [{name: p1, "+port+", {name: p2, "+port+", {name: p3, "+port+"]}]")
	out := ""
	eventually(t, "the error is shown", func() bool {
		for _, p := range call(l, api.PortList, api.PortFilter{}) {
			if !p.Open && strings.Contains(p.Error, "link x") {
				out = p.Name
			}
		}
		return out != ""
	})
	other := "p1"
	if out == other {
		other = "p2"
	}
	call(l, api.PortDel, api.PortName{Name: other})
	eventually(t, "the port opens when there is an end for it", func() bool {
		for _, p := range call(l, api.PortList, api.PortFilter{}) {
			if p.Name == out {
				return p.Open
			}
		}
		return false
	})
}

func TestTheSocketHasTheConfiguredPermissions(t *testing.T) {
	dir := t.TempDir()
	c := parse(t, dir, "")
	if st := c.Control.Mode; st != 0o660 {
		t.Errorf("the default mode is %v, want 0660", st)
	}
	c.Control.Mode = 0o600
	d, err := daemon.Start(t.Context(), daemon.Options{Config: c, Drivers: newRecorder().drivers(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Lstat(c.Control.Socket); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", st.Mode(), err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(c.Control.Socket); !os.IsNotExist(err) {
		t.Errorf("after Close the socket is still there: %v", err)
	}
}

func TestASecondDaemonStopsBeforeItTouchesAnything(t *testing.T) {
	l := start(t, twoPorts)
	other := newRecorder()
	_, err := daemon.Start(t.Context(), daemon.Options{
		Config: parse(t, l.dir, twoPorts), Drivers: other.drivers(), Log: slog.New(slog.DiscardHandler),
	})
	if !errors.Is(err, api.ErrInUse) || len(other.ports) != 0 {
		t.Errorf("got %v and %d open ports, want ErrInUse and none", err, len(other.ports))
	}
	call(l, api.GetVersion, api.Nothing{})
}

func TestAStartThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	c := parse(t, dir, "metrics: {listen: \"192.0.2.1:1\"}\n"+twoPorts)
	_, err := daemon.Start(t.Context(), daemon.Options{Config: c, Drivers: newRecorder().drivers(), Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "metrics") {
		t.Fatalf("got %v, want an error about the metrics listener", err)
	}
	c.Metrics.Listen = ""
	d, err := daemon.Start(t.Context(), daemon.Options{Config: c, Drivers: newRecorder().drivers(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("the next start: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestALostFrameIsReported(t *testing.T) {
	thief := daemon.Drivers{"memory": {Check: memport.CheckOptions, New: func(p *frame.Pool, l *slog.Logger) pmd.Driver {
		c, err := p.NewCache()
		if err != nil {
			t.Fatal(err)
		}
		c.Get()
		c.Close()
		return memport.New(p, l)
	}}}
	d, err := daemon.Start(t.Context(), daemon.Options{Config: parse(t, t.TempDir(), twoPorts), Drivers: thief, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); !errors.Is(err, daemon.ErrLeaked) {
		t.Errorf("Close = %v, want ErrLeaked", err)
	}
}

func TestMetricsAreServedWhereTheConfigurationSays(t *testing.T) {
	l := start(t, "metrics: {listen: \"127.0.0.1:0\"}\n"+twoPorts)
	resp, err := http.Get("http://" + l.d.MetricsAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(text), `culvert_port_info{bridge="br0"`) || !strings.Contains(string(text), "go_goroutines") {
		t.Errorf("got %v and %d bytes without culvert_port_info or go_goroutines", err, len(text))
	}
}

func TestEveryMethodIsServed(t *testing.T) {
	l := start(t, twoPorts)
	for _, m := range []string{"version", "show", "config.apply", "port.list", "port.add", "port.del", "flow.add", "flow.mod",
		"flow.del", "flow.dump", "fdb.show", "fdb.add", "fdb.del", "fdb.flush", "cache.dump", "stats"} {
		_, err := api.Call(t.Context(), l.client, api.Method[map[string]int, any](m), map[string]int{"no such member": 1})
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.BadParams {
			t.Errorf("%s with a parameter it does not have: %v, want bad-params", m, err)
		}
	}
}

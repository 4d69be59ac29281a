package daemon_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/api"
)

// apply sends a configuration to the daemon.
func (l *lab) apply(text string) api.Configuration {
	return api.Configuration{Name: "c.yaml", Text: base(l.dir) + text, Files: map[string]string{"rules": "in_port=p1,actions=p3\n"}}
}

func TestAReloadChangesOnlyTheDifference(t *testing.T) {
	l := start(t, `
bridges:
- name: br0
  ports:
  - {name: p1, type: memory}
  - {name: p2, type: memory}
  - {name: p3, type: memory}
  flows: ["in_port=p1,actions=p3", "priority=1,actions=drop"]
`)
	p1, p3 := l.peer("p1"), l.peer("p3")
	p1.SendBytes(packet(1, 2))
	arrives(t, p3, 1)
	eventually(t, "the rule counts the packet", func() bool {
		return call(l, api.FlowDump, api.FlowMatch{Match: "in_port=p1"})[0].Packets == 1
	})
	call(l, api.PortAdd, api.NewPort{Name: "p9", Type: "memory"})
	call(l, api.FlowAdd, api.FlowText{Lines: []string{"arp,actions=drop"}})

	// p2 goes, and so does what was added by command; p3 keeps its number although p2 is gone; p4 comes.
	got := call(l, api.ConfigApply, l.apply(`
vlan-limit: 2
bridges:
- name: br0
  ports:
  - {name: p1, type: memory}
  - {name: p3, type: memory}
  - {name: p4, type: memory, options: {mtu: 2000}}
  flows: ["priority=2,actions=drop"]
  flows-file: rules
- name: br1
`))
	want := api.Applied{
		PortsAdded: []string{"p4"}, PortsRemoved: []string{"p2", "p9"}, PortsChanged: []string{},
		RulesAdded: 2, RulesRemoved: 2, Restart: []string{"vlan-limit"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	t.Run("ports that stay are not touched", func(t *testing.T) {
		p1.SendBytes(packet(1, 2))
		arrives(t, p3, 1)
		if n := l.opens("p1") + l.opens("p3"); n != 2 {
			t.Errorf("p1 and p3 were opened %d times, want once each", n)
		}
		numbers := make(map[string]uint32)
		for _, p := range call(l, api.PortList, api.PortFilter{Bridge: "br0"}) {
			numbers[p.Name] = p.Number
		}
		if want := map[string]uint32{"p1": 1, "p3": 3, "p4": 2}; !reflect.DeepEqual(numbers, want) {
			t.Errorf("numbers %v, want %v", numbers, want)
		}
	})
	t.Run("rules that stay keep their counters", func(t *testing.T) {
		eventually(t, "the rule counts both packets", func() bool {
			return call(l, api.FlowDump, api.FlowMatch{Bridge: "br0", Match: "in_port=p1"})[0].Packets == 2
		})
	})
	t.Run("what waits for a restart is shown", func(t *testing.T) {
		o := call(l, api.Show, api.Nothing{})
		if !slices.Equal(o.Restart, []string{"vlan-limit"}) || len(o.Bridges) != 2 || o.Bridges[1].Rules != 1 {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("the same again changes nothing", func(t *testing.T) {
		got := call(l, api.ConfigApply, l.apply("bridges: [{name: br0, ports: [{name: p1, type: memory}]}]"))
		if len(got.PortsRemoved) != 2 || len(got.Restart) != 0 {
			t.Errorf("got %+v", got)
		}
		got = call(l, api.ConfigApply, l.apply("bridges: [{name: br0, ports: [{name: p1, type: memory}]}]"))
		if want := (api.Applied{PortsAdded: []string{}, PortsRemoved: []string{}, PortsChanged: []string{}}); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
	t.Run("a port with other options is opened anew", func(t *testing.T) {
		got := call(l, api.ConfigApply, l.apply("bridges: [{name: br0, ports: [{name: p1, type: memory, options: {mtu: 3000}}]}]"))
		if !slices.Equal(got.PortsChanged, []string{"p1"}) {
			t.Errorf("got %+v", got)
		}
		eventually(t, "p1 is open again", func() bool {
			p := call(l, api.PortList, api.PortFilter{Name: "p1"})
			return p[0].Open && p[0].MTU == 3000 && l.opens("p1") == 2
		})
	})
}

func TestAReloadMovesAPortToAnotherVLANWithoutOpeningItAnew(t *testing.T) {
	l := start(t, twoPorts)
	p1, p2 := l.peer("p1"), l.peer("p2")
	p1.SendBytes(packet(1, 2))
	arrives(t, p2, 1)
	got := call(l, api.ConfigApply, l.apply(strings.ReplaceAll(twoPorts, "p2, type: memory", "p2, type: memory, vlan: {tag: 7}")))
	if !slices.Equal(got.PortsChanged, []string{"p2"}) || l.opens("p2") != 1 {
		t.Errorf("got %+v, p2 opened %d times; want p2 changed and opened once", got, l.opens("p2"))
	}
	before := call(l, api.GetStats, api.Nothing{}).Packets
	p1.SendBytes(packet(1, 2))
	l.settled(before + 1)
	if n := len(p2.RecvBytes()); n != 0 {
		t.Errorf("%d untagged packets reached VLAN 7", n)
	}
	p2.SendBytes(packet(2, 1))
	arrives(t, p1, 1)
}

func TestAConfigurationWithErrorsChangesNothing(t *testing.T) {
	l := start(t, twoPorts)
	p1, p2 := l.peer("p1"), l.peer("p2")
	before := call(l, api.FlowDump, api.FlowMatch{})
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"a key that does not exist":       {"bogus: 1\n", 3},
		"a port type that does not exist": {"bridges: [{name: br0, ports: [{name: p, type: dpdk}]}]\n", 3},
		"a rule with a mistake":           {"bridges:\n- name: br0\n  flows: [zap]\n", 5},
		"a rule for a port not there":     {"bridges:\n- name: br0\n  flows: ['actions=p1']\n", 5},
		"a file that was not sent":        {"bridges:\n- name: br0\n  flows-file: other\n", 5},
	} {
		t.Run(name, func(t *testing.T) {
			e := refuse(l, api.ConfigApply, l.apply(c.text), api.BadConfig)
			if len(e.Problems) != 1 || e.Problems[0].Line != c.line || e.Problems[0].File != "c.yaml" {
				t.Errorf("got %+v, want one problem in line %d", e, c.line)
			}
		})
	}
	if got := call(l, api.FlowDump, api.FlowMatch{}); len(got) != len(before) || l.opens("p1") != 1 {
		t.Errorf("rules %+v, were %+v; p1 opened %d times", got, before, l.opens("p1"))
	}
	p1.SendBytes(packet(1, 2))
	arrives(t, p2, 1)
}

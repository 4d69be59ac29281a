package config_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/bond"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

const bondPorts = `
bridges:
- name: br0
  ports: [{name: p1, type: tap}, {name: p2, type: tap}, {name: p3, type: tap}, {name: p4, type: tap, vlan: {tag: 5}}, {name: p5, type: memory}]
`

func TestBondsAreReadInFull(t *testing.T) {
	c := mustParse(t, bondPorts+`
  bonds:
  - {name: plain, members: [p3]}
  - name: full
    members: [p1, {port: p2, lacp-port-id: 7, lacp-port-priority: 8, lacp-aggregation-key: 9}]
    mode: balance-tcp
    bond-updelay: 1s
    bond-downdelay: 200ms
    bond-primary: p2
    bond-rebalance-interval: off
    bond-hash-basis: 4294967295
    all-members-active: true
    lacp: passive
    lacp-time: fast
    lacp-fallback-ab: true
    lacp-system-id: 02:00:00:00:00:01
    lacp-system-priority: 10
    vlan: {tag: 20}
    protected: true
    mcast-snooping-flood: true
    mcast-snooping-flood-reports: true
  mirrors: [{name: m, select-src-port: [plain, full], output-port: p4}]
`, nil)
	want := []openflow.Bond{
		{Config: bond.Config{Name: "plain", Members: []bond.Member{{Name: "p3", Priority: 65535}}, Rebalance: 10 * time.Second, SystemPriority: 65535}},
		{
			Config: bond.Config{
				Name: "full", Members: []bond.Member{{Name: "p1", Priority: 65535}, {Name: "p2", Port: 7, Priority: 8, Key: 9}},
				Mode: bond.BalanceTCP, UpDelay: time.Second, DownDelay: 200 * time.Millisecond, Primary: "p2", HashBasis: 1<<32 - 1,
				AllMembersActive: true, LACP: bond.LACPPassive, Fast: true, FallbackAB: true, System: [6]byte{2, 0, 0, 0, 0, 1}, SystemPriority: 10,
			},
			VLAN: rules.VLAN{Mode: rules.VLANAccess, Tag: 20}, Protected: true, Multicast: rules.PortMulticast{Flood: true, FloodReports: true},
		},
	}
	if got := c.Bridges[0].Bonds; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestMistakesInBondsAreNamed(t *testing.T) {
	for _, c := range []struct{ name, bonds, want string }{
		{"no members", "{name: b}", "want members: the ports that it is made of, found none"},
		{"none at all", "{name: b, members: []}", "bond b: want 1 to 32 members, found 0"},
		{"nobody's port", "{name: b, members: [p9]}", `want one of the bridge's ports: p1, p2, p3, p4, p5, found "p9"`},
		{"a port twice", "{name: b, members: [p1, p1]}", "want a port that is in no bond, found p1 again"},
		{"a port in two bonds", "{name: b, members: [p1]}, {name: c, members: [{port: p1}]}", "want a port that is in no bond, found p1 again"},
		{"a port with a VLAN", "{name: b, members: [p4]}", "want a port without vlan"},
		{"a port's name", "{name: p1, members: [p2]}", "want a name of its own, found p1 again"},
		{"another mode", "{name: b, members: [p1], mode: balance-rr}", "want one of active-backup, balance-slb, balance-tcp"},
		{"balance-tcp without LACP", "{name: b, members: [p1], mode: balance-tcp}", "balance-tcp needs lacp active or passive"},
		{"a primary that is no member", "{name: b, members: [p1], bond-primary: p2}", "bond-primary p2 is not one of its members"},
		{"rebalancing too often", "{name: b, members: [p1], bond-rebalance-interval: 10ms}", "want off, or a time"},
		{"a group address", "{name: b, members: [p1], lacp-system-id: 'ff:ff:ff:ff:ff:ff'}", "want a unicast Ethernet address"},
		{"LACP of nobody", "{name: b, members: [p5], lacp: active}", "want lacp-system-id in bond b, which speaks LACP"},
		{"an unknown key", "{name: b, members: [p1], lacp-tim: fast}", "did you mean lacp-time?"},
	} {
		_, err := parse(bondPorts+"  bonds: ["+c.bonds+"]\n", nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	_, err := parse(bondPorts+"  bonds: [{name: b, members: [p1]}]\n  mirrors: [{name: m, select-src-port: [p1], output-port: p4}]\n", nil)
	if err == nil || !strings.Contains(err.Error(), `want one of the bridge's ports: p2, p3, p4, p5, b, found "p1"`) {
		t.Errorf("a mirror of a member: got %v", err)
	}
}

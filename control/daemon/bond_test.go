package daemon_test

import (
	"testing"

	"github.com/culvertdev/culvert/control/api"
)

const backupBridge = `
bridges:
- name: br0
  ports:
  - {name: p1, type: memory}
  - {name: m1, type: memory}
  - {name: m2, type: memory}
  bonds:
  - {name: bond0, members: [m1, m2]}
`

func TestTrafficGoesByTheActiveMember(t *testing.T) {
	l := start(t, backupBridge)
	p1, m1, m2 := l.peer("p1"), l.peer("m1"), l.peer("m2")
	out := packet(1, 2)
	goesBy := func(want string, by, other interface{ RecvBytes() [][]byte }) {
		t.Helper()
		eventually(t, "packets leave by "+want+" alone", func() bool {
			other.RecvBytes()
			p1.SendBytes(out)
			return len(by.RecvBytes()) > 0 && len(other.RecvBytes()) == 0
		})
	}
	enabled := func(member int) func() bool {
		return func() bool { return call(l, api.BondShow, api.BridgeName{})[0].Members[member].Enabled }
	}
	eventually(t, "m1 is enabled", enabled(0))
	eventually(t, "m2 is enabled", enabled(1))
	member := api.BondPort{Bond: "bond0", Port: "m1"}
	call(l, api.BondSetActive, member)
	goesBy("m1", m1, m2)
	m1.SendBytes(packet(2, 1))
	arrives(t, p1, 1)
	if got := call(l, api.FDBShow, api.BridgeName{}); len(got) != 2 || got[1].Port != "bond0" || got[1].Number != 2 {
		t.Errorf("addresses: %+v, want one on bond0", got)
	}
	m1.SetLink(false)
	goesBy("m2", m2, m1)
	m1.SetLink(true)
	eventually(t, "m1 is enabled again", enabled(0))
	call(l, api.BondSetActive, member)
	goesBy("m1", m1, m2)
	call(l, api.BondDisable, member)
	goesBy("m2", m2, m1)
	refuse(l, api.BondSetActive, member, api.Failed)
	refuse(l, api.BondEnable, api.BondPort{Bond: "bond0", Port: "p1"}, api.NotFound)
	refuse(l, api.BondEnable, api.BondPort{Bond: "bond9", Port: "m1"}, api.NotFound)
	refuse(l, api.MirrorAdd, api.NewMirror{MirrorConfig: api.MirrorConfig{Name: "m", SelectSrc: []string{"m1"}, OutputPort: "p1"}}, api.BadParams)
	got := call(l, api.BondShow, api.BridgeName{})
	if b := got[0]; b.Active != "m2" || !b.Members[0].Disabled || b.Members[0].Enabled || b.Mode != "active-backup" || b.LACP.Status != "off" {
		t.Errorf("got %+v", b)
	}
}

const partners = `
bridges:
- name: br0
  ports:
  - {name: p1, type: memory}
  - {name: a1, type: memory, options: {link: x, mac: "02:00:00:00:01:01"}}
  - {name: a2, type: memory, options: {link: y}}
  bonds:
  - {name: bond0, members: [a1, a2], mode: balance-tcp, lacp: active, lacp-time: fast}
- name: br1
  ports:
  - {name: p2, type: memory}
  - {name: b1, type: memory, options: {link: x, mac: "02:00:00:00:02:01"}}
  - {name: b2, type: memory, options: {link: y}}
  bonds:
  - {name: bond1, members: [b1, b2], mode: balance-tcp, lacp: passive, lacp-system-id: "02:00:00:00:02:00"}
`

func TestTwoBridgesAgreeByLACP(t *testing.T) {
	l := start(t, partners)
	agreed := func() bool {
		for _, b := range call(l, api.BondShow, api.BridgeName{}) {
			if b.LACP.Status != "negotiated" || len(b.Members) != 2 || !b.Members[0].Enabled || !b.Members[1].Enabled {
				return false
			}
		}
		return true
	}
	eventually(t, "both bonds have all their members", agreed)
	p1, p2 := l.peer("p1"), l.peer("p2")
	eventually(t, "a packet comes through", func() bool {
		p1.SendBytes(packet(1, 2))
		return len(p2.RecvBytes()) > 0
	})
	eventually(t, "so does the answer, to p1", func() bool {
		p2.SendBytes(packet(2, 1))
		return len(p1.RecvBytes()) > 0
	})
	// Members come and go while the two find each other: what is here is where that ends.
	eventually(t, "each member has its partner, and half of the hashes", func() bool {
		m := call(l, api.BondShow, api.BridgeName{Bridge: "br1"})[0].Members[0]
		return m.LACP != nil && m.LACP.Status == "current" && m.LACP.Partner.Key == 2 && m.LACP.Received > 0 && m.Hashes == 128
	})
}

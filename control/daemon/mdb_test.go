package daemon_test

import (
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/encap/wire/wiretest"
)

const snoopingBridge = `
bridges:
- name: br0
  mcast-snooping-enable: true
  ports:
  - {name: p1, type: memory}
  - {name: p2, type: memory}
  - {name: p3, type: memory, mcast-snooping-flood-reports: true}
`

func TestMulticastGoesWhereItIsListenedTo(t *testing.T) {
	l := start(t, snoopingBridge)
	p1, p2, p3 := l.peer("p1"), l.peer("p2"), l.peer("p3")
	group := wiretest.Record{Group: netip.MustParseAddr("239.1.1.1")}
	host := wiretest.Host{MAC: [6]byte{2, 0, 0, 0, 0, 2}, Addr: netip.MustParseAddr("10.0.0.2")}
	data := host.IPv4(group.Group, wire.ProtoUDP, nil, make([]byte, 8))
	p1.SendBytes(data)
	arrives(t, p2, 1)
	arrives(t, p3, 1)
	p2.SendBytes(host.Membership(wire.IGMPv2Report, group))
	arrives(t, p3, 1) // which hears all reports
	eventually(t, "the flow leads to p2 alone", func() bool {
		p1.SendBytes(data)
		arrives(t, p2, 1)
		return len(p3.RecvBytes()) == 0
	})
	p2.SendBytes(host.Membership(wire.IGMPv2Report, group))
	arrives(t, p3, 1)
	if got := call(l, api.MDBShow, api.BridgeName{}); len(got) != 1 || got[0].Port != "p2" || got[0].Group != "239.1.1.1" {
		t.Errorf("got %+v, want the group on p2", got)
	}
	if got := call(l, api.PortList, api.PortFilter{Name: "p3"}); !got[0].FloodReports {
		t.Errorf("got %+v, want it to hear reports", got)
	}
	if got := call(l, api.MDBFlush, api.FDBFilter{Port: "p1"}); got.Count != 0 {
		t.Errorf("flushed %d on p1, want 0", got.Count)
	}
	if got := call(l, api.MDBFlush, api.FDBFilter{}); got.Count != 1 {
		t.Errorf("flushed %d, want 1", got.Count)
	}
	p1.SendBytes(data) // when flush has returned, nobody listens
	arrives(t, p2, 1)
	arrives(t, p3, 1)
	refuse(l, api.MDBFlush, api.FDBFilter{Port: "p9"}, api.NotFound)
	refuse(l, api.MDBFlush, api.FDBFilter{VLAN: new(5000)}, api.BadParams)
}

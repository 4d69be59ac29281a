package daemon_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd/memport"
)

// answers reports whether the switch answers an ARP request for addr on a port before the next question.
func answers(p *memport.Peer, addr string) bool {
	asker := [6]byte{2, 5: 9}
	p.SendBytes(wire.NewARP(wire.Broadcast, wire.ARPRequest, asker, netip.MustParseAddr("192.0.2.9"), [6]byte{}, netip.MustParseAddr(addr)))
	for _, pkt := range p.RecvBytes() {
		if bytes.Equal(pkt[:6], asker[:]) && pkt[wire.EthernetSize+wire.ARPOperation+1] == wire.ARPReply {
			return true
		}
	}
	return false
}

func TestAnUnderlayAnswersAndIsReloaded(t *testing.T) {
	l := start(t, "bridges: [{name: br0, ports: [{name: up, type: memory, underlay: {address: 192.0.2.1/24, gateway: 192.0.2.254}}, {name: p, type: memory}]}]")
	up := l.peer("up")
	eventually(t, "the address is answered for", func() bool { return answers(up, "192.0.2.1") })
	var u api.Underlay
	eventually(t, "the port has a link", func() bool {
		u = call(l, api.UnderlayShow, api.Nothing{})
		return len(u.Interfaces) == 1 && u.Interfaces[0].Up
	})
	if u.Interfaces[0].Port != "up" || u.Interfaces[0].Addresses[0] != "192.0.2.1/24" {
		t.Errorf("interfaces are %+v", u.Interfaces)
	}
	if len(u.Routes) != 2 || u.Routes[0].To != "0.0.0.0/0" || u.Routes[0].Via != "192.0.2.254" {
		t.Errorf("routes are %+v", u.Routes)
	}
	eventually(t, "the router is asked for", func() bool {
		n := call(l, api.UnderlayShow, api.Nothing{}).Neighbours
		return len(n) == 1 && n[0].Address == "192.0.2.254" && (n[0].State == "asked" || n[0].State == "failed")
	})
	eventually(t, "what it does is counted", func() bool {
		for _, b := range call(l, api.GetStats, api.Nothing{}).Bridges {
			if counted(b.Counters, "underlay_answered") > 0 {
				return true
			}
		}
		return false
	})

	apply := func(ports string) {
		call(l, api.ConfigApply, api.Configuration{Name: "c.yaml", Text: base(l.dir) + "bridges: [{name: br0, ports: [" + ports + "]}]"})
	}
	apply("{name: up, type: memory, underlay: {address: 192.0.2.7/24}}, {name: p, type: memory}")
	eventually(t, "the new address is answered for", func() bool { return answers(up, "192.0.2.7") })
	apply("{name: up, type: memory}, {name: p, type: memory}")
	p := l.peer("p")
	eventually(t, "a question is any broadcast again", func() bool { return !answers(up, "192.0.2.7") && len(p.RecvBytes()) > 0 })
	if u := call(l, api.UnderlayShow, api.Nothing{}); len(u.Interfaces)+len(u.Neighbours) != 0 {
		t.Errorf("after it is gone: %+v", u)
	}
}

//go:build integration

package overlay

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/guest"
	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/traffic"
)

// overSVP is a daemon whose tunnel asks a server at far, shares wan with the kernel, and hears SHOOTDOWN there.
const overSVP = `frames: {hugepages: never}
workers: {count: 1}
profiles:
  - name: dc
    suppress: true
    lookup: {kind: svp, options: {server: "10.77.0.2:1296"}}
    invalidation: {kind: svp, options: {server: "10.77.0.2:1296", shootdown: "10.77.0.100:1296"}}
bridges:
  - name: inside
    ports:
      - {name: p1, type: afxdp}
      - {name: tun, type: vxlan, options: {remote_ip: lookup, profile: dc, key: 42}}
  - name: outside
    ports:
      - {name: wan, type: afxdp, underlay: {kernel: true}}
`

// elsewhere is another address of far.
var elsewhere = netip.MustParseAddr("10.77.0.3")

// macOf returns the Ethernet address of a host's link.
func (s *site) macOf(h *guest.Host, link string) [svpMAC]byte {
	s.Helper()
	l, err := h.SetLink(s.ctx, inside.Link{Name: link})
	must(s.T, err)
	mac, err := net.ParseMAC(l.MAC)
	must(s.T, err)
	return [svpMAC]byte(mac)
}

// goesTo waits until alice's packets leave for an end.
func (s *site) goesTo(end netip.Addr) {
	s.Helper()
	s.eventually("packets go to "+end.String(), func() bool {
		_, _ = s.alice.Ping(s.ctx, at(), traffic.Ping{Count: 1, Timeout: 100 * time.Millisecond})
		out, err := s.daemon.Command(s.ctx, "cache", "dump", "--port", "p1")
		return err == nil && strings.Contains(string(out), "dst="+end.String())
	})
}

// A host with a directory that speaks SVP version 1: a guest is found, moves, and is found where it is now; and SHOOTDOWN is
// heard and said.
func TestSVPKnowsWhereGuestsAre(t *testing.T) {
	need(t)
	s := newSite(t, plan{}, 2*time.Minute)
	must(t, s.far.AddAddress(lab.HostLink, netip.PrefixFrom(elsewhere, 24)))
	s.link(s.host(s.lab.Switch), "wan", 0, kernelsAddresses)
	beyond := s.kernel(inside.Tunnel{Type: "vxlan", Local: far4, Remote: near4, Key: key, Port: vxlanPort})
	there, here := s.macOf(beyond, device), s.macOf(s.alice, lab.HostLink)
	server := serveSVP(t, s.far.Namespace, netip.AddrPortFrom(far4, 1296))
	server.do(func() { server.guests[there], server.owners[at()] = far4, there })
	s.run(overSVP)

	s.reach(s.alice, at(), 0) // who has the address is said here, and where he is: broadcasts go to nobody
	s.reach(beyond, overlay(0, 1)[0].Addr(), 0)
	s.goesTo(far4)

	server.move(there, elsewhere)
	s.goesTo(elsewhere)
	s.eventually("the entry is taken out of the log", func() (none bool) {
		server.do(func() { none = len(server.log) == 0 })
		return none
	})
	s.reach(s.alice, at(), 0)

	asked := 0
	server.do(func() { server.guests[there], asked = far4, server.asked[there] }) // and nothing of it is in the log
	must(t, s.far.Do(func() error {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: elsewhere.AsSlice()}}
		c, err := d.DialContext(s.ctx, "tcp", netip.AddrPortFrom(near4, 1296).String())
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write(svpMessage(svpShootdown, 0, svpGuest(there, key)))
		return err
	}))
	s.goesTo(far4)
	server.do(func() {
		if server.asked[there] == asked {
			t.Error("the server was not asked again")
		}
	})

	// Alice leaves. Whoever sends packets for her is told.
	must(t, s.home.SetLink(lab.HostLink, false))
	s.eventually("who sends packets for a guest that has left is told", func() (told bool) {
		_, _ = beyond.Ping(s.ctx, overlay(0, 1)[0].Addr(), traffic.Ping{Count: 1, Timeout: 100 * time.Millisecond})
		server.do(func() { told = len(server.shot) > 0 && server.shot[0] == here })
		return told
	})
	s.stop()
}

package daemon_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd/memport"
)

// A resident is a guest of a site: 02:00:00:00:00:0n has 10.0.0.n and fd00::n.
type resident struct {
	*memport.Peer
	mac    [6]byte
	v4, v6 netip.Addr
	heard  [][]byte // since the test began
}

func newResident(n byte, at *memport.Peer) *resident {
	return &resident{Peer: at, mac: [6]byte{2, 5: n}, v4: netip.AddrFrom4([4]byte{10, 0, 0, n}), v6: netip.AddrFrom16([16]byte{0: 0xfd, 15: n})}
}

// hello says which addresses it has.
func (r *resident) hello() {
	all := netip.MustParseAddr("ff02::1")
	r.SendBytes(wire.NewARP(wire.Broadcast, wire.ARPRequest, r.mac, r.v4, [6]byte{}, r.v4),
		wire.NewND(wire.GroupMAC(all), r.mac, r.v6, all, wire.NDAdvert, 0, r.v6))
}

// question returns the one for another's address.
func (r *resident) question(o *resident, v6 bool) []byte {
	if v6 {
		group, mac := wire.SolicitedNode(o.v6)
		return wire.NewND(mac, r.mac, r.v6, group, wire.NDSolicit, 0, o.v6)
	}
	return wire.NewARP(wire.Broadcast, wire.ARPRequest, r.mac, r.v4, [6]byte{}, o.v4)
}

// answer returns its own answer to that of another, or what a switch says in its place: which is not the same, to the byte.
func (r *resident) answer(o *resident, v6, itself bool) []byte {
	switch {
	case v6 && itself:
		return wire.NewND(o.mac, r.mac, r.v6, o.v6, wire.NDAdvert, wire.NDSolicited|wire.NDOverride, r.v6)
	case v6:
		return wire.NewND(o.mac, r.mac, r.v6, o.v6, wire.NDAdvert, wire.NDSolicited, r.v6)
	}
	b := wire.NewARP(o.mac, wire.ARPReply, r.mac, r.v4, o.mac, o.v4)
	if itself {
		b[len(b)-1] = 1 // padding
	}
	return b
}

// hears returns how often it has heard a packet.
func (r *resident) hears(packet []byte) (n int) {
	r.heard = append(r.heard, r.RecvBytes()...)
	for _, p := range r.heard {
		if bytes.Equal(p, packet) {
			n++
		}
	}
	return n
}

// A village is two sites with suppression: guests one and two are at the ports p and q of the first, three is at p of the second.
type village struct {
	*testing.T
	here, there     *lab
	one, two, three *resident
}

func newVillage(t *testing.T) *village {
	t.Helper()
	town := newTown()
	config := func(n int) string {
		return fmt.Sprintf(`
profiles: [{name: dc, suppress: true, lookup: {kind: socket, options: {path: %s}}}]
bridges:
- name: br0
  ports:
  - {name: p, type: memory}
  - {name: q, type: memory}
  - {name: ov, type: vxlan, options: {remote_ip: lookup, profile: dc, key: 7}}
- name: phys
  flows: []
  ports: [{name: u, type: memory, underlay: {address: 192.0.2.%d/24, mac: "02:00:00:00:01:%02d"}}]
`, town.serve(t), n, n)
	}
	v := &village{T: t, here: start(t, config(1)), there: start(t, config(2))}
	connectSites(t, v.here.peer("u"), v.there.peer("u"))
	v.one, v.two, v.three = newResident(1, v.here.peer("p")), newResident(2, v.here.peer("q")), newResident(3, v.there.peer("p"))
	for _, r := range []*resident{v.one, v.two, v.three} {
		eventually(t, "the guest and its addresses are announced", func() bool {
			r.hello()
			v4, v6 := town.answer(vtep.ForIP(7, r.v4)), town.answer(vtep.ForIP(7, r.v6))
			return town.at(r.mac[5]) != "" && v4.MAC == r.mac && v6.MAC == r.mac
		})
	}
	return v
}

// ask has a guest ask until another hears the question, or the switch answers in its place.
func (v *village) ask(r, o *resident, v6, suppressed bool) {
	v.Helper()
	q, by, want := r.question(o, v6), o, r.question(o, v6)
	if suppressed {
		by, want = r, o.answer(r, v6, false)
	}
	before := by.hears(want)
	eventually(v.T, fmt.Sprintf("the guest %d hears of it that %d asks for %d", by.mac[5], r.mac[5], o.mac[5]), func() bool {
		r.SendBytes(q)
		return by.hears(want) > before
	})
}

// knows fails unless a bridge comes to know guests at just these ports.
func (v *village) knows(l *lab, want map[string]string) {
	v.Helper()
	var got map[string]string
	eventually(v.T, "the bridge knows who is where", func() bool {
		got = make(map[string]string)
		for _, e := range call(l, api.FDBShow, api.BridgeName{Bridge: "br0"}) {
			got[e.MAC] = e.Port
		}
		return len(got) >= len(want)
	})
	if !maps.Equal(got, want) {
		v.Errorf("the bridge knows %v, want %v", got, want)
	}
}

// TestGuestsOfOneHostAnswerEachOtherAndThoseBehindTheTunnelAreAnsweredFor: nobody hears a question that others can answer, and no
// bridge takes an answer that was given in a guest's place for the guest.
func TestGuestsOfOneHostAnswerEachOtherAndThoseBehindTheTunnelAreAnsweredFor(t *testing.T) {
	v := newVillage(t)
	for _, v6 := range []bool{false, true} {
		for _, pair := range [][2]*resident{{v.one, v.two}, {v.two, v.one}} {
			asks, asked := pair[0], pair[1]
			v.ask(asks, asked, v6, false)
			own := asked.answer(asks, v6, true)
			expectAt(t, asks, own, func() { asked.SendBytes(own) })
			v.ask(asks, asked, v6, false) // no answer follows that puts right what the bridge has learned
			v.ask(asks, v.three, v6, true)
			v.ask(v.three, asks, v6, true)
			v.knows(v.here, map[string]string{"02:00:00:00:00:01": "p", "02:00:00:00:00:02": "q", "02:00:00:00:00:03": "ov"})
		}
		v.knows(v.there, map[string]string{"02:00:00:00:00:03": "p", "02:00:00:00:00:01": "ov", "02:00:00:00:00:02": "ov"})
	}
	// What is for one guest goes to it alone, and comes after all that went before.
	for _, c := range []struct{ from, to *resident }{{v.one, v.two}, {v.two, v.one}, {v.one, v.three}, {v.three, v.one}, {v.three, v.two}} {
		p := packet(c.from.mac[5], c.to.mac[5])
		expectAt(t, c.to, p, func() { c.from.SendBytes(p) })
	}
	all := []*resident{v.one, v.two, v.three}
	for _, r := range all {
		for _, o := range all {
			for _, v6 := range []bool{false, true} {
				local := r != v.three && o != v.three
				if n := r.hears(o.answer(r, v6, false)); local && n > 0 {
					t.Errorf("guest %d was answered %d times in place of %d, who is beside it", r.mac[5], n, o.mac[5])
				}
				if n := o.hears(r.question(o, v6)); !local && n > 0 {
					t.Errorf("guest %d heard %d questions of %d, who is behind the tunnel", o.mac[5], n, r.mac[5])
				}
			}
		}
		for _, o := range all {
			if other := slices.IndexFunc(all, func(x *resident) bool { return x != r && x != o }); r != o && all[other].hears(packet(r.mac[5], o.mac[5])) > 0 {
				t.Errorf("guest %d heard what %d sends to %d", all[other].mac[5], r.mac[5], o.mac[5])
			}
		}
	}
}

// expectAt waits until a guest hears a packet, which send sends as often as it takes.
func expectAt(t *testing.T, r *resident, packet []byte, send func()) {
	t.Helper()
	eventually(t, fmt.Sprintf("guest %d hears % x", r.mac[5], packet[:22]), func() bool {
		send()
		return r.hears(packet) > 0
	})
}

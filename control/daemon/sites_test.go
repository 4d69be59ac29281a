package daemon_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/plugin"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd/memport"
)

// A town is what the plug-ins of all sites of a test know together, as with etcd.
type town struct {
	mu      sync.Mutex
	answers map[vtep.Question]vtep.Answer
	here    map[*townsman]map[vtep.Question]vtep.Answer // what was announced of guests
	sinks   map[*townsman]vtep.Sink
	shots   []string
}

func newTown() *town {
	return &town{answers: make(map[vtep.Question]vtep.Answer), here: make(map[*townsman]map[vtep.Question]vtep.Answer), sinks: make(map[*townsman]vtep.Sink)}
}

// set makes a the answer to q, and tells everybody.
func (w *town) set(q vtep.Question, a vtep.Answer) {
	w.mu.Lock()
	w.answers[q] = a
	var list []vtep.Sink
	for _, s := range w.sinks {
		list = append(list, s)
	}
	w.mu.Unlock()
	for _, s := range list {
		s.Answer(q, a)
	}
}

func (w *town) answer(q vtep.Question) vtep.Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	if q.Kind != vtep.Flood {
		return w.answers[q]
	}
	var all vtep.Answer
	seen := make(map[vtep.End]bool)
	for known, a := range w.answers {
		if known.Kind == vtep.ByMAC && known.VNI == q.VNI && !a.None() && !seen[a.Ends[0]] {
			seen[a.Ends[0]] = true
			all.Ends = append(all.Ends, a.Ends[0])
		}
	}
	return all
}

// at returns which end the guest with an Ethernet address is said to be at.
func (w *town) at(mac byte) string {
	if a := w.answer(vtep.ForMAC(7, [6]byte{2, 0, 0, 0, 0, mac})); !a.None() {
		return a.Ends[0].String()
	}
	return ""
}

// serve lets a plug-in of the town listen until the test ends, and returns where.
func (w *town) serve(t *testing.T) string {
	t.Helper()
	path, stop := w.serveFor(t)
	t.Cleanup(stop)
	return path
}

// serveFor is serve until stop is called.
func (w *town) serveFor(t *testing.T) (at string, stop func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := plugin.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- plugin.Serve(ctx, l, "town", func([]netip.Addr) (vtep.Resolver, error) { return &townsman{town: w}, nil })
	}()
	return path, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A townsman is the plug-in of one site.
type townsman struct{ town *town }

func (m *townsman) Start(s vtep.Sink) error {
	m.town.mu.Lock()
	defer m.town.mu.Unlock()
	m.town.sinks[m] = s
	return nil
}

func (m *townsman) Ask(q vtep.Question) error {
	a := m.town.answer(q)
	m.town.mu.Lock()
	s := m.town.sinks[m]
	m.town.mu.Unlock()
	s.Answer(q, a)
	return nil
}

func (m *townsman) Status() vtep.Status { return vtep.Status{Up: true, Text: "in town"} }

func (m *townsman) Close() error {
	m.town.mu.Lock()
	defer m.town.mu.Unlock()
	delete(m.town.sinks, m)
	return nil
}

func (m *townsman) Announce(g vtep.Guest) {
	q, a := vtep.ForMAC(g.VNI, g.MAC), vtep.Answer{Ends: []vtep.End{g.End}}
	m.town.mu.Lock()
	if m.town.here[m] == nil {
		m.town.here[m] = make(map[vtep.Question]vtep.Answer)
	}
	m.town.here[m][q] = a
	m.town.mu.Unlock()
	m.town.set(q, a)
	if g.IP.IsValid() {
		a.MAC = g.MAC
		m.town.set(vtep.ForIP(g.VNI, g.IP), a)
	}
	m.town.set(vtep.ForFlood(g.VNI), m.town.answer(vtep.ForFlood(g.VNI)))
}

func (m *townsman) Withdraw(g vtep.Guest) {
	q := vtep.ForMAC(g.VNI, g.MAC)
	var other vtep.Answer // of a host that counts again
	m.town.mu.Lock()
	delete(m.town.here[m], q)
	for _, here := range m.town.here {
		if a, ok := here[q]; ok {
			other = a
		}
	}
	m.town.mu.Unlock()
	if a := m.town.answer(q); a.Has(g.End.Addr) {
		m.town.set(q, other)
	}
}

func (m *townsman) Shoot(q vtep.Question, self, to netip.Addr) {
	m.town.mu.Lock()
	defer m.town.mu.Unlock()
	m.town.shots = append(m.town.shots, fmt.Sprintf("%v: not at %v, says %v", q, self, to))
}

// site is a lab with the end 192.0.2.n, a port p for a guest and a tunnel whose profile is another line of YAML.
func site(t *testing.T, n int, profile string) (l *lab, guest, wire *memport.Peer) {
	t.Helper()
	l = start(t, siteConfig(n, profile))
	return l, l.peer("p"), l.peer("u")
}

func siteConfig(n int, profile string) string {
	return fmt.Sprintf(`
profiles: [{name: dc, %s}]
bridges:
- name: br0
  ports:
  - {name: p, type: memory}
  - {name: ov, type: vxlan, options: {remote_ip: lookup, profile: dc, key: 7}}
- name: phys
  flows: []
  ports: [{name: u, type: memory, underlay: {address: 192.0.2.%d/24, mac: "02:00:00:00:01:%02d"}}]
`, profile, n, n)
}

// connectSites puts the physical ports of sites on one wire until the test ends.
func connectSites(t *testing.T, peers ...*memport.Peer) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			for i, from := range peers {
				packets := from.RecvBytes()
				for j, to := range peers {
					if i != j && len(packets) > 0 {
						to.SendBytes(packets...)
					}
				}
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
}

// expect waits until a packet, which send sends as often as it takes, comes out of a peer.
func expect(t *testing.T, what string, packet []byte, to *memport.Peer, send func()) {
	t.Helper()
	eventually(t, what, func() bool {
		send()
		for _, p := range to.RecvBytes() {
			if bytes.Equal(p, packet) {
				return true
			}
		}
		return false
	})
}

func TestGuestsAreAnnouncedFoundAndFollowed(t *testing.T) {
	town := newTown()
	profile := func() string { return "suppress: true, lookup: {kind: socket, options: {path: " + town.serve(t) + "}}" }
	l1, p1, u1 := site(t, 1, profile())
	_, p2, u2 := site(t, 2, profile())
	_, p3, u3 := site(t, 3, profile())
	connectSites(t, u1, u2, u3)

	one, two := [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	ip1, ip2 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	hello := wire.NewARP(wire.Broadcast, wire.ARPRequest, two, ip2, [6]byte{}, ip2)
	p1.SendBytes(packet(1, 9))
	p2.SendBytes(hello)
	eventually(t, "both guests are announced", func() bool { return town.at(1) == "192.0.2.1" && town.at(2) == "192.0.2.2" })
	there := packet(1, 2)
	expect(t, "a packet gets to the guest", there, p2, func() { p1.SendBytes(there) })

	eventually(t, "the guest's address is announced", func() bool {
		a := town.answer(vtep.ForIP(7, ip2))
		return !a.None() && a.MAC == two
	})
	question := wire.NewARP(wire.Broadcast, wire.ARPRequest, one, ip1, [6]byte{}, ip2)
	expect(t, "a question is answered in place of the guest", wire.NewARP(one, wire.ARPReply, two, ip2, one, ip1), p1, func() { p1.SendBytes(question) })
	for _, p := range p2.RecvBytes() {
		if bytes.Equal(p, question) {
			t.Error("the guest was asked all the same")
		}
	}

	tunnels := call(l1, api.TunnelList, api.Nothing{})
	if len(tunnels) != 1 || tunnels[0].Remote != "lookup" || tunnels[0].Profile != "dc" || tunnels[0].OutKey != "7" || tunnels[0].Bridge != "br0" {
		t.Errorf("tunnels %+v", tunnels)
	}
	shown := call(l1, api.ProfileShow, api.ProfileName{Name: "dc"})
	if len(shown) != 1 || !shown[0].Open || !shown[0].Lookup.Up || !shown[0].Suppress || shown[0].Known == 0 ||
		!slices.ContainsFunc(shown[0].Guests, func(g api.Guest) bool { return g == api.Guest{VNI: 7, MAC: "02:00:00:00:00:01", End: "192.0.2.1"} }) ||
		!slices.ContainsFunc(shown[0].Answers, func(a api.Answer) bool {
			return a.IP == "10.0.0.2" && a.MAC == "02:00:00:00:00:02" && a.State == "known"
		}) {
		t.Errorf("profile %+v", shown)
	}
	refuse(l1, api.ProfileShow, api.ProfileName{Name: "none"}, api.NotFound)

	move := func(to *memport.Peer, end string) func() {
		return func() {
			// The guest says hello more than once, as one does that has moved: the first may be ahead of who is to hear it, and ahead of
			// what it said where it was, which is under way yet.
			expect(t, "a packet gets to the guest where it is now", there, to, func() {
				to.SendBytes(hello)
				p1.SendBytes(there)
			})
			eventually(t, "the guest is announced where it is now", func() bool {
				if town.at(2) == end {
					return true
				}
				to.SendBytes(hello)
				return false
			})
			p2.RecvBytes() // what was under way
			p3.RecvBytes()
		}
	}
	vteptest.InASecond(t, move(p3, "192.0.2.3"), move(p2, "192.0.2.2"))
}

func TestWhoSendsForAGuestThatHasLeftIsTold(t *testing.T) {
	town := newTown()
	profile := func() string { return "lookup: {kind: socket, options: {path: " + town.serve(t) + "}}" }
	_, p1, u1 := site(t, 1, profile())
	_, p2, u2 := site(t, 2, profile())
	connectSites(t, u1, u2)
	p1.SendBytes(packet(1, 9))
	p2.SendBytes(packet(2, 9))
	eventually(t, "the guest is announced", func() bool { return town.at(2) == "192.0.2.2" })
	there := packet(1, 2)
	expect(t, "a packet gets to the guest", there, p2, func() { p1.SendBytes(there) })

	p2.SetLink(false)
	eventually(t, "the guest is withdrawn", func() bool { return town.at(2) == "" })
	town.set(vtep.ForMAC(7, [6]byte{2, 0, 0, 0, 0, 2}), vtep.Answer{Ends: []vtep.End{{Addr: netip.MustParseAddr("192.0.2.2"), Key: 7}}}) // somebody is late
	eventually(t, "the sender is told", func() bool {
		p1.SendBytes(there)
		town.mu.Lock()
		defer town.mu.Unlock()
		return len(town.shots) > 0 && town.shots[0] == "vni 7 mac 02:00:00:00:00:02: not at 192.0.2.2, says 192.0.2.1"
	})
}

func TestAPlugInThatDiesStopsNothingThatIsKnown(t *testing.T) {
	town := newTown()
	profile := func(path string) string { return "lookup: {kind: socket, options: {path: " + path + "}}" }
	path, die := town.serveFor(t)
	l1, p1, u1 := site(t, 1, profile(path))
	_, p2, u2 := site(t, 2, profile(town.serve(t)))
	connectSites(t, u1, u2)
	p2.SendBytes(packet(2, 9))
	eventually(t, "the guest is announced", func() bool { return town.at(2) == "192.0.2.2" })
	there := packet(1, 2)
	expect(t, "a packet gets to the guest", there, p2, func() { p1.SendBytes(there) })
	die()
	eventually(t, "the profile says that its plug-in is gone", func() bool {
		p := call(l1, api.ProfileShow, api.ProfileName{})[0]
		return p.Open && !p.Lookup.Up
	})
	expect(t, "a packet still gets to the guest", there, p2, func() { p1.SendBytes(there) })
	other := packet(5, 2) // of another flow, which is looked up now
	expect(t, "a new flow does, too", other, p2, func() { p1.SendBytes(other) })
}

func TestAReloadKeepsWhatProfilesKnow(t *testing.T) {
	table := filepath.Join(t.TempDir(), "table")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(table, "vni 7 mac 02:00:00:00:00:02 end 192.0.2.2\n")
	profile := func(more string) string { return "lookup: {kind: file, options: {path: " + table + "}}" + more }
	l, p1, u1 := site(t, 1, profile(""))
	_, p2, u2 := site(t, 2, profile(""))
	connectSites(t, u1, u2)
	there := packet(1, 2)
	expect(t, "a packet gets to the guest", there, p2, func() { p1.SendBytes(there) })
	asked := func() uint64 {
		return counted(call(l, api.ProfileShow, api.ProfileName{Name: "dc"})[0].Counters, "vtep_asked")
	}
	eventually(t, "it is asked who gets what goes to all", func() bool { return asked() == 2 })
	before := asked()
	call(l, api.ConfigApply, l.apply(siteConfig(1, profile(", suppress: true"))))
	if p := call(l, api.ProfileShow, api.ProfileName{})[0]; !p.Suppress || p.Known != 2 || asked() != before {
		t.Errorf("%+v, asked %d times, before %d", p, asked(), before)
	}

	write(table+"2", "vni 7 mac 02:00:00:00:00:02 end 192.0.2.3\n")
	old := table
	table += "2"
	call(l, api.ConfigApply, l.apply(siteConfig(1, profile(""))))
	eventually(t, "the other table is asked", func() bool {
		p1.SendBytes(there)
		a := call(l, api.ProfileShow, api.ProfileName{Name: "dc"})[0].Answers
		return slices.ContainsFunc(a, func(a api.Answer) bool {
			return a.MAC == "02:00:00:00:00:02" && slices.Equal(a.Ends, []string{"192.0.2.3"})
		})
	})

	table = old + "3"
	call(l, api.ConfigApply, l.apply(siteConfig(1, profile(""))))
	if p := call(l, api.ProfileShow, api.ProfileName{})[0]; p.Open || p.Error == "" {
		t.Errorf("a table that is not there: %+v", p)
	}
	write(table, "vni 7 mac 02:00:00:00:00:02 end 192.0.2.2\n")
	expect(t, "when it is there, a packet gets to the guest again", there, p2, func() { p1.SendBytes(there) })
	if len(call(l, api.ConfigApply, l.apply(siteConfig(1, "lookup: {kind: direct, options: {end: 192.0.2.2}}"))).PortsChanged) != 0 {
		t.Error("ports changed")
	}
	expect(t, "by another plug-in, too", there, p2, func() { p1.SendBytes(there) })
}

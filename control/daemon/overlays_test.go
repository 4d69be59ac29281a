package daemon

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newSite returns a host of an overlay, 192.0.2.n, with a learning switch for the guest at its port p, and a tunnel that
// asks a profile.
func newSite(t *testing.T, n int, profile string) *host {
	t.Helper()
	return newHostOf(t, fmt.Sprintf("{name: u, type: memory, underlay: {address: 192.0.2.%d/24, mac: '02:00:00:00:01:%02d'}}", n, n), `
  - name: br0
    ports:
      - {name: p, type: memory, number: 1}
      - {name: t, type: vxlan, number: 2, options: {remote_ip: lookup, profile: dc, key: 7}}
`, "profiles: [{name: dc, "+profile+"}]")
}

// newSites returns three hosts on a wire.
func newSites(t *testing.T, profile string) (a, b, c *host) {
	t.Helper()
	a, b, c = newSite(t, 1, profile), newSite(t, 2, profile), newSite(t, 3, profile)
	connect(a, b, c)
	return a, b, c
}

// got takes what has left the port p of a host.
func (h *host) got() (list [][]byte) {
	list, h.out["p"] = h.out["p"], nil
	return list
}

// wantOne fails unless exactly packet has left the ports of hosts, and nothing those of others.
func wantOne(t *testing.T, what string, packet []byte, hosts []*host, others ...*host) {
	t.Helper()
	for _, h := range hosts {
		if got := h.got(); len(got) != 1 || !bytes.Equal(got[0], packet) {
			t.Errorf("%s: %d packets: % x", what, len(got), got)
		}
	}
	for _, h := range others {
		if got := h.got(); len(got) != 0 {
			t.Errorf("%s: it also arrived elsewhere: % x", what, got)
		}
	}
}

// writeTable writes a static table in the place of another.
func writeTable(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestAPacketGoesWhereTheStaticTableSaysAndFollowsItsChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table")
	writeTable(t, path, "vni 7 mac 02:00:00:00:00:01 end 192.0.2.1\nvni 7 mac 02:00:00:00:00:02 end 192.0.2.2\n")
	a, b, c := newSites(t, "lookup: {kind: file, options: {path: "+path+"}}")
	there := guestFrame(1, 2, 100)
	a.send("p", there)
	wantOne(t, "to where the guest is", there, []*host{b}, c)
	all := guestFrame(1, 2, 80)
	copy(all, []byte{255, 255, 255, 255, 255, 255})
	a.send("p", all)
	wantOne(t, "to all ends of the table", all, []*host{b}, a, c)
	a.send("p", guestFrame(1, 9, 90))
	wantOne(t, "to nobody", nil, nil, a, b, c)

	writeTable(t, path, "vni 7 mac 02:00:00:00:00:01 end 192.0.2.1\nvni 7 mac 02:00:00:00:00:02 end 192.0.2.3\n")
	a.now += int64(2 * time.Second)
	a.settle()
	a.send("p", there)
	wantOne(t, "to where it is now", there, []*host{c}, b)
}

func TestWithoutADirectoryHostsFloodAndLearn(t *testing.T) {
	a, b, c := newSites(t, "lookup: {kind: learn, options: {flood: [192.0.2.1, 192.0.2.2, 192.0.2.3]}}")
	first, answer := guestFrame(1, 2, 100), guestFrame(2, 1, 70)
	a.send("p", first)
	wantOne(t, "to an unknown guest", first, []*host{b, c}, a)
	b.send("p", answer)
	wantOne(t, "to a guest that was seen", answer, []*host{a}, c)
	a.send("p", first)
	wantOne(t, "to the one that has answered", first, []*host{b}, c)
	if len(a.outer) != 2+1 || len(b.outer) != 1 || len(c.outer) != 0 {
		t.Errorf("%d, %d and %d packets on the wire: want those for all, one for each known guest, and none sent on", len(a.outer), len(b.outer), len(c.outer))
	}

	// The guest moves: its first packet from elsewhere says so.
	c.send("p", answer)
	wantOne(t, "from elsewhere", answer, []*host{a}, b)
	a.send("p", first)
	wantOne(t, "to where it is now", first, []*host{c}, b)
	if len(a.outer) != 4 || len(c.outer) != 1 {
		t.Errorf("%d and %d packets on the wire", len(a.outer), len(c.outer))
	}
}

func TestAPointToPointOverlayNeedsNoDirectory(t *testing.T) {
	a := newSite(t, 1, "lookup: {kind: direct, options: {end: 192.0.2.2}}")
	b := newSite(t, 2, "lookup: {kind: direct, options: {end: 192.0.2.1}}")
	connect(a, b)
	there := guestFrame(1, 2, 100)
	a.send("p", there)
	wantOne(t, "to the other end", there, []*host{b}, a)
	if len(b.outer) != 0 {
		t.Errorf("%d packets came back", len(b.outer))
	}
}

func TestAProfileThatNeedsOthersIsNotOpenOffline(t *testing.T) {
	a := newSite(t, 1, "lookup: {kind: socket, options: {path: /nowhere}}")
	a.peers = []*host{a}
	a.send("p", guestFrame(1, 2, 100))
	if len(a.got()) != 0 || len(a.outer) != 0 {
		t.Error("a packet went somewhere")
	}
}

// A host that says nothing itself gets what others send to the group that the table names, too.
func TestHostsListenToTheMulticastGroupOfTheStaticTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table")
	writeTable(t, path, "vni 7 flood end 239.1.1.1\n")
	a, b, c := newSites(t, "lookup: {kind: file, options: {path: "+path+"}}")
	all := guestFrame(1, 2, 80)
	copy(all, []byte{255, 255, 255, 255, 255, 255})
	settled := func() {
		for _, h := range []*host{a, b, c} {
			h.now += int64(2 * time.Second)
			h.settle()
		}
	}
	settled()
	a.send("p", all)
	wantOne(t, "to the group", all, []*host{b, c}, a)

	writeTable(t, path, "vni 7 flood end 239.2.2.2\n")
	settled()
	a.send("p", all)
	wantOne(t, "to the group that it is now", all, []*host{b, c}, a)
}

func TestHostsListenToTheMulticastGroupThatTheyFloodTo(t *testing.T) {
	a, b, c := newSites(t, "lookup: {kind: learn, options: {flood: 239.1.1.1}}")
	for _, h := range []*host{a, b, c} {
		h.settle()
	}
	first, answer := guestFrame(1, 2, 100), guestFrame(2, 1, 70)
	a.send("p", first)
	wantOne(t, "to an unknown guest", first, []*host{b, c}, a)
	b.send("p", answer)
	wantOne(t, "to a guest that was seen", answer, []*host{a}, c)
	a.send("p", first)
	wantOne(t, "to the one that has answered", first, []*host{b}, c)
}

// TestAGuestThatMovesConcernsTheFlowsToItAlone: of many cached flows into a tunnel those are looked up again that lead to the
// guest, by its address or by a rule that writes it.
func TestAGuestThatMovesConcernsTheFlowsToItAlone(t *testing.T) {
	const guests, moves = 30, 5
	path := filepath.Join(t.TempDir(), "table")
	at := func(n, end int) {
		var b strings.Builder
		for i := 2; i < guests; i++ {
			host := 2 + i%2 // 192.0.2.2 and 192.0.2.3 have guests whatever moves
			if i == n {
				host = end
			}
			fmt.Fprintf(&b, "vni 7 mac 02:00:00:00:00:%02x end 192.0.2.%d\n", i, host)
		}
		writeTable(t, path, b.String())
	}
	at(moves, 3)
	profile := "profiles: [{name: dc, lookup: {kind: file, options: {path: " + path + "}}}]"
	a := newHostOf(t, "{name: u, type: memory, underlay: {address: 192.0.2.1/24, mac: '02:00:00:00:01:01'}}", `
  - name: br0
    ports:
      - {name: p, type: memory, number: 1}
      - {name: t, type: vxlan, number: 2, options: {remote_ip: lookup, profile: dc, key: 7}}
    flows:
      - "priority=40000,in_port=1,dl_dst=02:00:00:00:00:aa,actions=mod_dl_dst:02:00:00:00:00:05,output:2"
      - "in_port=1,actions=2"
      - "in_port=2,actions=1"
`, profile)
	b, c := newSite(t, 2, "lookup: {kind: file, options: {path: "+path+"}}"), newSite(t, 3, "lookup: {kind: file, options: {path: "+path+"}}")
	connect(a, b, c)
	sendAll := func() {
		for n := 2; n < guests; n++ {
			if err := a.sw.Send(a.ids["p"], guestFrame(1, byte(n), 100)); err != nil {
				t.Fatal(err)
			}
		}
		a.send("p", guestFrame(1, 0xaa, 100))
	}
	sendAll() // waits for neighbours
	sendAll()
	checked := func() (kept, updated uint64) {
		a.now += int64(2 * time.Second)
		a.settle()
		for _, s := range a.sw.Stats().SlowPath {
			switch s.Name {
			case "kept":
				kept = s.Value
			case "updated":
				updated = s.Value
			}
		}
		return kept, updated
	}
	checked()
	kept, updated := checked()
	if again, _ := checked(); again != kept {
		t.Fatalf("%d flows are looked up again though nothing has moved", again-kept)
	}
	sendAll()
	flows := a.sw.Stats().Flows.Flows
	at(moves, 2)
	nowKept, nowUpdated := checked()
	if nowKept-kept != 2 || nowUpdated-updated != 2 {
		t.Errorf("%d flows were looked up again, %d changed: want the 2 to the guest of %d", nowKept-kept, nowUpdated-updated, flows)
	}
	if flows < guests-1 {
		t.Errorf("%d cached flows prove little", flows)
	}
	b.got()
	c.got()
	a.send("p", guestFrame(1, moves, 100))
	a.send("p", guestFrame(1, 0xaa, 100))
	if there, before := len(b.got()), len(c.got()); there != 2 || before != 0 {
		t.Errorf("%d packets where it is now, %d where it was", there, before)
	}
}

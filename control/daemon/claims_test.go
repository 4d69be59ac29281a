package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap/vtep"
)

// A ledger is a plug-in that keeps who is said to have which address, as a plug-in over a socket does.
type ledger struct {
	vtep.Sink
	has map[string]bool // "last byte of the guest, address"
}

func (l *ledger) Start(s vtep.Sink) error { l.Sink = s; return nil }
func (*ledger) Ask(vtep.Question) error   { return nil }
func (*ledger) Status() vtep.Status       { return vtep.Status{Up: true} }
func (*ledger) Close() error              { return nil }
func (l *ledger) Announce(g vtep.Guest)   { l.has[fmt.Sprint(g.MAC[5], " ", g.IP)] = true }

// Withdraw takes the guest away with its address, as it may: culvert-etcd does.
func (l *ledger) Withdraw(g vtep.Guest) {
	delete(l.has, fmt.Sprint(g.MAC[5], " ", g.IP))
	delete(l.has, fmt.Sprint(g.MAC[5], " ", netip.Addr{}))
}

// A census is the guests of a host, of which two are here, and what others know of them.
type census struct {
	*testing.T
	*guests
	*ledger
	dir     *vtep.Directory
	now     int64
	version uint64
	here    map[guest]place
}

var host1, host2 = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")

func newCensus(t *testing.T) *census {
	t.Helper()
	c := &census{T: t, guests: newGuests(), ledger: &ledger{has: make(map[string]bool)}, now: int64(time.Hour), here: make(map[guest]place)}
	var err error
	if c.dir, err = vtep.New(vtep.Options{Clock: func() int64 { return c.now }}, c.ledger, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.dir.Close() })
	c.version = c.dir.Changes(0, new(vtep.ChangeSet))
	for n := byte(1); n <= 2; n++ {
		c.here[guest{7, [6]byte{2, 5: n}}] = place{port: uint32(n), end: vtep.End{Addr: host1, Key: 7}, since: 1}
	}
	return c
}

// says has guest n say that an address is its.
func (c *census) says(n byte, ip string) {
	s := word([6]byte{2, 5: n}, netip.MustParseAddr(ip))
	s.Used = c.now
	c.Claim(s)
}

// said has packets counted of a flow in which guest n has said before that an address is its, the last of which was seen so
// long ago.
func (c *census) said(n byte, ip string, ago time.Duration) {
	s := word([6]byte{2, 5: n}, netip.MustParseAddr(ip))
	s.Used, s.Again = c.now-int64(ago), true
	c.Claim(s)
}

// word is what a guest at port 3 says that an address is its.
func word(mac [6]byte, ip netip.Addr) tunnel.Saying {
	return tunnel.Saying{VNI: 7, MAC: mac, IP: ip, Port: 3}
}

// answer has the directory say that an address is that of guest n, who is behind a host.
func (c *census) answer(ip string, n byte, host netip.Addr) {
	c.Answer(vtep.ForIP(7, netip.MustParseAddr(ip)), vtep.Answer{Ends: []vtep.End{{Addr: host, Key: 7}}, MAC: [6]byte{2, 5: n}})
}

// look lets a time pass and looks who is here.
func (c *census) look(after time.Duration, own map[guest][]netip.Addr) {
	c.now += int64(after)
	var set vtep.ChangeSet
	c.version = c.dir.Changes(c.version, &set)
	c.changed(c.dir, &set, c.now)
	c.settle(&sightings{here: c.here, own: own}, c.dir, c.now)
}

// known fails unless others know of just these addresses.
func (c *census) known(want ...string) {
	c.Helper()
	var got []string
	for k := range c.has {
		if k != "1 invalid IP" && k != "2 invalid IP" {
			got = append(got, k)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		c.Errorf("others know of %q, want %q", got, want)
	}
}

func TestAnAddressThatPassesToAnotherGuestHereIsWithdrawnFromTheFirst(t *testing.T) {
	c := newCensus(t)
	c.says(1, "10.0.0.9")
	c.says(1, "10.0.0.1")
	c.look(0, nil)
	c.known("1 10.0.0.1", "1 10.0.0.9")
	c.says(2, "10.0.0.9")
	c.look(0, nil)
	c.known("1 10.0.0.1", "2 10.0.0.9")
}

func TestTwoGuestsCannotFillTheListOfWhoIsHereWithAddresses(t *testing.T) {
	c := newCensus(t)
	for i := range 200 {
		ip := netip.AddrFrom4([4]byte{10, 1, byte(i / 16), byte(i % 16)}).String()
		c.says(1, ip)
		if c.look(0, nil); i%3 == 0 {
			c.says(2, ip)
			c.look(0, nil)
		}
	}
	if len(c.has) > 2+2*maxClaims {
		t.Errorf("others know of %d guests and addresses", len(c.has))
	}
}

func TestAnAddressThatHasPassedToAGuestElsewhereIsWithdrawnAndMayComeBack(t *testing.T) {
	c := newCensus(t)
	c.says(1, "10.0.0.9")
	c.look(0, nil)
	c.answer("10.0.0.9", 1, host1)
	c.look(time.Minute, nil)
	c.known("1 10.0.0.9")
	c.answer("10.0.0.9", 5, host2)
	c.look(0, nil)
	c.look(doubtTime-1, nil)
	c.known("1 10.0.0.9") // it may be from before
	if !c.hasNews() {
		t.Error("no look is due")
	}
	c.look(1, nil)
	c.known()
	c.says(1, "10.0.0.9")
	c.look(0, nil)
	c.known("1 10.0.0.9")
	c.answer("10.0.0.9", 1, host1)
	c.look(time.Minute, nil)
	c.known("1 10.0.0.9")
	if c.look(0, nil); c.hasNews() {
		t.Error("another look is due")
	}
}

func TestWhatAFlowHasSaidBeforeIsHeardAgainWithItsLaterPackets(t *testing.T) {
	c := newCensus(t)
	c.says(1, "10.0.0.9")
	c.look(0, nil)
	c.answer("10.0.0.9", 1, host1)
	c.look(time.Second, nil)
	c.says(2, "10.0.0.9")
	c.look(time.Second, nil)
	c.known("2 10.0.0.9")
	c.said(1, "10.0.0.9", 2*time.Second) // its packet was before
	c.look(0, nil)
	c.known("2 10.0.0.9")
	c.said(1, "10.0.0.9", 0)
	c.look(0, nil)
	c.known("1 10.0.0.9")

	c.answer("10.0.0.9", 5, host2)
	c.look(0, nil)
	c.look(doubtTime, nil)
	c.known()
	c.said(1, "10.0.0.9", 1)
	c.look(time.Second, nil)
	c.known()
	c.said(1, "10.0.0.9", 0)
	c.look(0, nil)
	c.known("1 10.0.0.9")
}

func TestWhatAFlowHasSaidBeforeMakesAGuestLoseNoOtherAddress(t *testing.T) {
	c := newCensus(t)
	last := func(i int) string { return fmt.Sprintf("10.0.1.%d", i) }
	for i := range maxClaims + 2 {
		c.says(1, last(i))
		c.look(0, nil)
	}
	for range 3 {
		for i := range maxClaims + 2 {
			c.said(1, last(i), 0)
		}
		c.look(time.Second, nil)
	}
	for i := range 2 {
		if c.has["1 "+last(i)] {
			t.Errorf("%s, said first, is known still", last(i))
		}
	}
	c.says(1, last(0))
	c.look(0, nil)
	if !c.has["1 "+last(0)] || c.has["1 "+last(2)] {
		t.Error("what is said anew is not heard")
	}
}

func TestAGuestThatComesBackDoesNotTakeAnAddressThatAnotherHasByNow(t *testing.T) {
	c := newCensus(t)
	c.says(1, "10.0.0.9")
	c.says(1, "10.0.0.1")
	c.look(0, nil)
	all := c.here
	c.here = nil
	c.look(0, nil)
	c.known()
	c.answer("10.0.0.9", 5, host2)
	c.here = all
	c.look(time.Second, nil)
	c.known("1 10.0.0.1")
}

// TestTheFirstWordOfAGuestCounts: also where the directory does not know of it yet.
func TestTheFirstWordOfAGuestCounts(t *testing.T) {
	c := newCensus(t)
	second := guest{7, [6]byte{2, 5: 2}}
	at := c.here[second]
	delete(c.here, second)
	c.says(1, "10.0.0.9")
	c.look(0, nil)
	c.answer("10.0.0.9", 1, host1)
	c.look(time.Second, nil)
	c.says(2, "10.0.0.9")
	c.look(time.Millisecond, nil) // it is seen a moment later
	c.here[second] = at
	c.look(time.Millisecond, nil)
	c.known("2 10.0.0.9")

	c.answer("10.0.0.9", 2, host1)
	delete(c.here, second)
	c.look(time.Second, nil)
	c.known()
	c.answer("10.0.0.9", 5, host2)
	c.now += int64(time.Second)
	c.says(2, "10.0.0.9")
	c.here[second] = at
	c.look(0, nil)
	c.known("2 10.0.0.9")
}

func TestAGatewaysAddressesAreItsOwnWhateverTheDirectorySays(t *testing.T) {
	c := newCensus(t)
	own := map[guest][]netip.Addr{{7, [6]byte{2, 5: 1}}: {netip.MustParseAddr("10.0.0.9")}}
	c.look(0, own)
	c.answer("10.0.0.9", 5, host2) // as it is on another host
	for range 3 {
		c.look(time.Second, own)
	}
	c.known("1 10.0.0.9")
}

func TestASilentGuestThatLosesOrGainsAnAddressIsStillSaidToBeHere(t *testing.T) {
	c := newCensus(t)
	c.says(1, "10.0.0.9")
	c.says(1, "10.0.0.1")
	c.look(0, nil)
	silent := sightings{up: map[uint32]bool{1: true, 2: true}}
	c.says(2, "10.0.0.9")
	c.says(2, "10.0.0.2")
	c.settle(&silent, c.dir, c.now)
	c.known("1 10.0.0.1", "2 10.0.0.2", "2 10.0.0.9")
	for _, who := range []string{"1 invalid IP", "2 invalid IP"} {
		if !c.has[who] {
			t.Errorf("others do not know of %q", who)
		}
	}
}

func TestNobodyGetsAGatewaysAddressBySayingThatItIsHis(t *testing.T) {
	plug, d := cry(t)
	g := newGuests()
	gateway, other := guest{7, [6]byte{2, 5: 1}}, guest{7, [6]byte{2, 5: 2}}
	ip := netip.MustParseAddr("10.0.0.9")
	at := place{port: 3, end: vtep.End{Addr: host1, Key: 7}}
	seen := &sightings{here: map[guest]place{gateway: at, other: at}, own: map[guest][]netip.Addr{gateway: {ip}}}
	for range 5 {
		g.Claim(word(other.mac, ip))
		g.Claim(word(gateway.mac, ip))
		g.settle(seen, d, 1)
		if plug.announced != 3 || plug.withdrawn != 0 || len(g.stays[gateway].ips) != 1 || len(g.stays[other].ips) != 0 {
			t.Fatalf("%d announcements, %d withdrawals; it has %v, the other %v", plug.announced, plug.withdrawn, g.stays[gateway].ips, g.stays[other].ips)
		}
	}
}

func TestNobodyGetsAnAddressOfAGatewayThatHasTooManyToAnnounce(t *testing.T) {
	c := newCensus(t)
	var list []netip.Addr
	for i := range byte(maxClaims + 4) {
		list = append(list, netip.AddrFrom4([4]byte{10, 0, 0, i + 1}))
	}
	own := map[guest][]netip.Addr{{7, [6]byte{2, 5: 1}}: list}
	last := list[len(list)-1].String()
	c.says(2, last)
	c.look(0, nil)
	c.known("2 " + last)
	for range 2 {
		c.look(0, own)
		for k := range c.has {
			if k == "2 "+last {
				t.Error("another guest has it")
			}
		}
		if len(c.stays[guest{7, [6]byte{2, 5: 1}}].ips) != maxClaims {
			t.Error("the gateway's addresses are not announced")
		}
		c.says(2, last)
	}
}

func TestAGuestWithMoreAddressesThanCountCausesNoLookByUsingThem(t *testing.T) {
	c := newCensus(t)
	last := func(i int) string { return fmt.Sprintf("10.0.1.%d", i) }
	for i := range maxClaims + 2 {
		c.says(1, last(i))
		c.look(0, nil)
	}
	for c.hasNews() { // about whose they are
		c.look(time.Second, nil)
	}
	for i := range maxClaims + 2 {
		c.said(1, last(i), 0)
	}
	if c.hasNews() {
		t.Error("a look is due, with nothing to be found")
	}
	c.says(2, last(2)) // one of those that it has is another's: there is room
	c.look(0, nil)
	c.said(1, last(0), 0)
	c.look(0, nil)
	if !c.has["1 "+last(0)] {
		t.Error("an address that there is room for is not heard")
	}
	if n := c.door.voices[guest{7, [6]byte{2, 5: 1}}]; n != maxClaims {
		t.Errorf("the door counts %d of its addresses", n)
	}
}

package openflow

import (
	stdcontext "context"
	"net/netip"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// everywhere is a directory that has every packet go to all its ends.
type everywhere []netip.Addr

func (e everywhere) Ask(vtep.Question, bool) vtep.Result {
	r := vtep.Result{State: vtep.Known}
	for _, a := range e {
		r.Answer.Ends = append(r.Answer.Ends, vtep.End{Addr: a, Key: 7})
	}
	return r
}
func (everywhere) Learns() bool                                  { return false }
func (everywhere) Learn(vtep.Guest)                              {}
func (everywhere) Announces() bool                               { return false }
func (everywhere) Shoots() bool                                  { return false }
func (everywhere) Shoot(uint32, [6]byte, netip.Addr, netip.Addr) {}

// replicating is a table whose port 10 sends each packet to all these ends.
func replicating(t *testing.T, r tunnel.Router, ends ...netip.Addr) *Table {
	t.Helper()
	set := tunnel.NewSet(r)
	set.SetProfiles(map[string]*tunnel.Profile{"all": {Directory: everywhere(ends)}})
	dev, err := set.Driver(encap.VXLAN).Open(stdcontext.Background(), "t", map[string]string{"remote_ip": "lookup", "profile": "all", "key": "7"})
	if err != nil {
		t.Fatal(err)
	}
	ports := append(trunks(1, 2), rules.Port{ID: 110, Number: 10, Name: "t", Tunnel: dev.(rules.Tunnel)})
	table, _ := newTable(t, Options{}, ports, "actions=output:10")
	return table
}

// reached does what workers do with a packet of a verdict's, and returns the ends that it then went to, in order.
func reached(t *testing.T, table *Table, k *flow.Key, packet []byte, to *collector) (ends []string) {
	t.Helper()
	to.sent = nil
	words := slices.Clone(verdictOf(t, table, k).Actions.Words())
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		id := uint32(0)
		switch in.Op {
		case action.OpSend:
			id = in.Arg
		case action.OpPush:
			h := in.Header()
			if h.Longest == 0 || len(packet) <= int(h.Longest) {
				o, err := encap.ReadStack(h.Stack)
				if err != nil {
					t.Fatal(err)
				}
				ends = append(ends, o.Dst.String())
				continue
			}
			if h.Excess != action.ExcessSend {
				t.Fatalf("excess %d", h.Excess)
			}
			id = h.Context
		}
		if id != 0 {
			table.Receive(id, &rules.Query{Key: k, Packet: packet, Size: len(packet), Now: 1000 * second})
		}
	}
	return append(ends, table.left(t, to)...)
}

// left returns the ends that packets went to that the table sent by itself.
func (*Table) left(t *testing.T, to *collector) (ends []string) {
	for _, s := range to.sent {
		for _, o := range pushed(t, s.program) {
			ends = append(ends, o.Dst.String())
		}
	}
	to.sent = nil
	slices.Sort(ends)
	return ends
}

func TestABroadcastReachesEachEndOnceWhileOneIsAskedFor(t *testing.T) {
	three := netip.MustParseAddr("192.0.2.3")
	r := roads{one: underlay.OK, two: underlay.OK, three: underlay.Asked}
	table := replicating(t, r, one, two, three)
	to := new(collector)
	table.SetSender(to)
	k := packet(t, "in_port=1,dl_dst=ff:ff:ff:ff:ff:ff")
	if got, want := reached(t, table, k, make([]byte, 60), to), []string{"192.0.2.1", "192.0.2.2"}; !slices.Equal(got, want) {
		t.Errorf("at once it reaches %v, want %v", got, want)
	}
	r[three] = underlay.OK
	table.TunnelsChanged([]rules.Change{{Tag: roadTag}})
	if got, want := table.left(t, to), []string{"192.0.2.3"}; !slices.Equal(got, want) {
		t.Errorf("then it reaches %v, want %v", got, want)
	}
}

// narrow is a router whose ways take packets of so many bytes.
type narrow map[netip.Addr]int

func (narrow) Exits() []underlay.Way { return nil }

func (n narrow) Route(dst, src netip.Addr, mark uint32, hash uint64) (underlay.Way, underlay.Status) {
	w, status := roads{dst: underlay.OK}.Route(dst, src, mark, hash)
	w.MTU = n[dst]
	return w, status
}

func TestAPacketThatIsTooLongForOneEndReachesTheOthersOnce(t *testing.T) {
	table := replicating(t, narrow{one: 1600, two: 1500}, one, two)
	to := new(collector)
	table.SetSender(to)
	k := packet(t, "in_port=1,dl_dst=02:00:00:00:00:02")
	long := make([]byte, 1514)
	copy(long, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 5, 0xdc, 0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2})
	table.SetSender(to)
	if got, want := reached(t, table, k, long, to), []string{"192.0.2.1"}; !slices.Equal(got, want) {
		t.Errorf("it reaches %v, want %v", got, want)
	}
	got := make(map[string]uint64)
	for _, s := range table.Samples() {
		got[s.Name] = s.Value
	}
	if got["tunnel_wait_lost"] != 0 {
		t.Errorf("%d packets are counted as lost: the worker has counted it", got["tunnel_wait_lost"])
	}
	table = replicating(t, narrow{one: 1600, two: 1500}, one, two)
	table.SetSender(to)
	to.sent = nil
	words := verdictOf(t, table, k).Actions.Words()
	table.Receive(sentTo(t, words), &rules.Query{Key: k, Packet: long, Size: len(long), Now: 1000 * second})
	if len(to.sent) != 1 || to.sent[0].port != 110 {
		t.Errorf("its sender is told %d times", len(to.sent))
	}
}

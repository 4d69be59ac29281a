package openflow

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// receive does what the switch does with the packets that a verdict's program sends to its table.
func receive(t *testing.T, tb *Table, v *rules.Verdict, packet []byte) {
	t.Helper()
	receiveAs(t, tb, v, new(flow.Key), packet)
}

// receiveAs is the same for a packet with a key.
func receiveAs(t *testing.T, tb *Table, v *rules.Verdict, key *flow.Key, packet []byte) {
	t.Helper()
	for in, rest, ok := action.Next(v.Actions.Words()); ok; in, rest, ok = action.Next(rest) {
		if in.Op == action.OpSend {
			tb.Receive(in.Arg, &rules.Query{Key: key, Packet: packet, Size: len(packet), Now: tb.clock()})
		}
	}
}

func (p *PacketIn) text() string {
	return fmt.Sprintf("%s id=%d table=%d cookie=%#x %s size=%d data=%x userdata=%x", p.Reason, p.ID, p.Table, p.Cookie, p.MatchText(), p.Size, p.Data, p.UserData)
}

func TestControllersGetPacketsWithWhatIsKnownOfThem(t *testing.T) {
	for _, c := range []struct {
		name, flows, packet string
		id                  uint16
		want                []string
	}{
		{"all of it", "cookie=0x9,actions=controller", "in_port=1", 0, []string{"action id=0 table=0 cookie=0x9 in_port=1 size=4 data=01020304 userdata="}},
		{"a part, from a later table, with registers", "actions=load:7->NXM_NX_REG3[],load:5->OXM_OF_METADATA[],resubmit(,4)\ntable=4,actions=controller(max_len=2,id=3,userdata=0a.0b)", "in_port=2", 3,
			[]string{"action id=3 table=4 cookie=0x0 reg3=0x7,metadata=0x5,in_port=2 size=4 data=0102 userdata=0a0b"}},
		{"for another", "actions=controller(id=3)", "in_port=1", 0, nil},
		{"a TTL that has ended", "ip,actions=dec_ttl(0,4),2", "in_port=1,tcp,nw_ttl=1", 0, []string{"invalid_ttl id=0 table=0 cookie=0x0 in_port=1 size=4 data=01020304 userdata="}},
		{"from the action set", "actions=write_actions(output:controller)", "in_port=1", 0, []string{"action id=0 table=0 cookie=0x0 in_port=1 size=4 data=01020304 userdata="}},
		{"by a register", "actions=load:0xfffd->NXM_NX_REG0[],output:NXM_NX_REG0[]", "in_port=1", 0, []string{"action id=0 table=0 cookie=0x0 reg0=0xfffd,in_port=1 size=4 data=01020304 userdata="}},
	} {
		tb, _ := newTable(t, Options{}, trunks(1, 2), c.flows)
		s := tb.SubscribePackets(c.id, 10)
		receive(t, tb, look(t, tb, c.packet), []byte{1, 2, 3, 4})
		s.Close()
		var got []string
		for p := range s.C {
			got = append(got, p.text())
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s\ngot  %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestPacketInsAreBounded(t *testing.T) {
	tb, clock := newTable(t, Options{PacketInRate: 10, PacketInBurst: 5}, trunks(1, 2), "actions=controller")
	v := look(t, tb, "in_port=1")
	receive(t, tb, v, nil)
	s := tb.SubscribePackets(0, 3)
	for range 7 {
		receive(t, tb, v, nil)
	}
	if got, want := tb.PacketInCounts(), (PacketInCounts{Sent: 5, Limited: 2, Lost: 2, Unheard: 1}); got != want || s.Lost() != 2 {
		t.Errorf("got %+v, %d lost, want %+v", got, s.Lost(), want)
	}
	clock.now += second / 10
	receive(t, tb, v, nil)
	receive(t, tb, v, nil)
	if got := tb.PacketInCounts(); got.Sent != 6 || got.Limited != 3 {
		t.Errorf("after a tenth of a second: got %+v, want one more sent", got)
	}
	tb.Receive(0x1234, &rules.Query{Now: clock.now})
	if tb.PacketInCounts().ContextGone != 1 {
		t.Error("a packet that nobody knows was not counted")
	}
	var named []string
	for _, c := range tb.Samples()[:5] {
		named = append(named, fmt.Sprint(c.Name, " ", c.Value))
	}
	if got, want := strings.Join(named, ", "), "packet_in 6, packet_in_rate 3, packet_in_queue_full 3, packet_in_unheard 1, packet_in_stale 1"; got != want {
		t.Errorf("by name: got %s, want %s", got, want)
	}
	s.Close()
	s.Close()
}

// An injected is a packet that a table gave to its switch.
type injected struct {
	port    uint32
	packet  []byte
	program string
	recirc  uint32
}

func (i *injected) Inject(port uint32, packet []byte, program []uint64) error {
	*i = injected{port: port, packet: packet, program: action.Format(program, nil)}
	if in, _, ok := action.Next(program); ok && in.Op == action.OpRecirc {
		i.recirc = in.Arg
	}
	return nil
}

func TestAPausedPacketGoesOnWhereItStopped(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2, 3), "actions=load:7->NXM_NX_REG1[],resubmit(,1),3\ntable=1,cookie=0x5,actions=controller(pause),resubmit(,2)\ntable=2,reg1=7,actions=2")
	s := tb.SubscribePackets(0, 1)
	v := look(t, tb, "in_port=1")
	receive(t, tb, v, []byte{1, 2, 3})
	p := <-s.C
	if p.Table != 1 || p.Cookie != 5 || p.Continuation == 0 {
		t.Fatalf("got %+v", p)
	}
	if err := tb.Resume(p.Continuation, p.Match, p.Data); !errors.Is(err, ErrNoSwitch) {
		t.Errorf("without a switch: %v", err)
	}
	var in injected
	tb.SetSender(&in)
	for _, bad := range []uint64{0, p.Continuation + 1, p.Continuation ^ 1<<40} {
		if err := tb.Resume(bad, p.Match, p.Data); !errors.Is(err, ErrStale) {
			t.Errorf("continuation %#x: %v", bad, err)
		}
	}
	var nowhere flow.Match
	nowhere.SetUint(flow.FieldInPort, 9)
	if err := tb.Resume(p.Continuation, &nowhere, p.Data); err == nil {
		t.Error("a port that is not there was taken")
	}
	if err := tb.Resume(p.Continuation, p.Match, p.Data); err != nil || in.port != 101 || string(in.packet) != "\x01\x02\x03" {
		t.Fatalf("got %+v, %v", in, err)
	}
	if got := program(look(t, tb, fmt.Sprintf("in_port=1,recirc_id=%#x", in.recirc))); got != "output:2,output:3" {
		t.Errorf("it goes on with %s, want output:2,output:3", got)
	}
	clock.now += 100 * second
	tb.Expire(clock.now)
	if err := tb.Resume(p.Continuation, p.Match, p.Data); !errors.Is(err, ErrStale) {
		t.Errorf("after a long time: %v", err)
	}
}

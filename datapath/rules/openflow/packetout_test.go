package openflow

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestPacketsOfControllersGoWhereTheirActionsSay(t *testing.T) {
	for _, c := range []struct{ name, out, want string }{
		{"out of ports", "in_port=1 packet=00.01.02 actions=2,1,in_port", "101 000102 output:2,output:1"},
		{"from nowhere", "packet=000102, actions=1,set_field:00:00:00:00:00:09->eth_dst,2", "0 000102 output:1,set(dl_dst=00:00:00:00:00:09),output:2"},
		{"through the tables, with a register", "in_port=2,packet=00,reg1=7,actions=table", "102 00 output:3"},
		{"through the tables, without", "in_port=2,packet=00,actions=resubmit(,0)", "102 00 output:1"},
	} {
		tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "reg1=7,actions=3\npriority=1,actions=1")
		var in injected
		tb.SetSender(&in)
		o, err := Parser{Ports: tb}.ParsePacketOut(c.out)
		if err == nil {
			err = tb.SendPacket(&o)
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		from := in.port
		if from == 0 {
			from = 9999 // what the switch makes of it: a port that no table knows
		}
		p := program(look(t, tb, fmt.Sprintf("in_port=%d,recirc_id=%#x", from-100, in.recirc)))
		if got := fmt.Sprintf("%d %x %s", in.port, in.packet, p); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestMistakesInPacketOuts(t *testing.T) {
	for _, c := range []struct {
		in   string
		col  int
		part string
	}{
		{"in_port=1,packet=00", 20, "found no actions"},
		{"in_port=1,actions=2", 11, "want packet=hex digits before"},
		{"in_port=x,packet=00,actions=2", 1, "in_port: want a port"},
		{"packet=0,actions=2", 1, "packet: want pairs of hex digits"},
		{"packet=00,tcp,actions=2", 11, "tcp: want in_port, packet"},
		{"packet=00,actions=2,foo", 21, "foo: want an action or a port"},
		{"packet=00,actions=2,goto_table:2", 21, "want no instruction"},
	} {
		_, err := Parser{}.ParsePacketOut(c.in)
		var se *SyntaxError
		if !errors.As(err, &se) || se.Col != c.col || !strings.Contains(se.Problem, c.part) {
			t.Errorf("%s: got %v, want column %d: %s", c.in, err, c.col, c.part)
		}
	}
	tb, _ := newTable(t, Options{}, trunks(1), "")
	if err := tb.SendPacket(&PacketOut{}); !errors.Is(err, ErrNoSwitch) {
		t.Errorf("without a switch: %v", err)
	}
	tb.SetSender(new(injected))
	if err := tb.SendPacket(&PacketOut{InPort: 9}); err == nil {
		t.Error("a port that is not there was taken")
	}
}

func FuzzPacketOut(f *testing.F) {
	for _, s := range []string{"in_port=1 packet=00.01.02 actions=2,1,in_port", "packet=000102, metadata=5,reg1=7,actions=resubmit(,0)", "packet=00 actions=clone(1)", "actions=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "reg1=7,actions=3\npriority=1,actions=1")
		var in injected
		tb.SetSender(&in)
		o, err := Parser{Ports: tb}.ParsePacketOut(s)
		if err != nil {
			var se *SyntaxError
			if !errors.As(err, &se) || se.Col < 1 || se.Col > len(s)+1 {
				t.Fatalf("%q: got %v, want a SyntaxError within the text", s, err)
			}
			return
		}
		if tb.SendPacket(&o) == nil {
			look(t, tb, fmt.Sprintf("in_port=9899,recirc_id=%#x", in.recirc))
		}
	})
}

package openflow

import (
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
)

// An entrance is a tunnel that hears whose packets go into it.
type entrance struct {
	said  rules.Entry
	heard []int64
}

func (e *entrance) Send(s *rules.Sending) rules.Sent {
	s.Reset()
	s.Entry = e.said
	return rules.SentOut
}

func (e *entrance) MTU() int { return 1500 }

func (e *entrance) Entered(said *rules.Entry, used int64) {
	if *said == e.said {
		e.heard = append(e.heard, used)
	}
}

func TestATunnelHearsOfPacketsThatGoIntoItWheneverTheyAreCounted(t *testing.T) {
	tun := &entrance{said: rules.Entry{VNI: 7, Src: [6]byte{2, 5: 1}, Port: 101}}
	ports := append(trunks(1, 2), rules.Port{ID: 110, Number: 10, Name: "tun", Tunnel: tun})
	table, _ := newTable(t, Options{}, ports, "in_port=1,actions=output:10\nin_port=2,actions=output:1")
	v := verdictOf(t, table, packet(t, "in_port=1"))
	table.Hold(v.Trail)
	table.Expire(2000 * second)
	table.Credit(v.Trail, 1, 60, 5)
	table.Credit(v.Trail, 0, 0, 6)
	table.Credit(v.Trail, 9, 540, 7)
	table.Credit(verdictOf(t, table, packet(t, "in_port=2")).Trail, 1, 60, 8)
	if len(tun.heard) != 2 || tun.heard[0] != 5 || tun.heard[1] != 7 {
		t.Errorf("heard %v", tun.heard)
	}
}

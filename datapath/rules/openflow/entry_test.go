package openflow

import (
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
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

// A curious is a tunnel that hears of everybody whose packets go into it or come in by it.
type curious struct {
	entered map[[6]byte]int
	heeded  map[[6]byte]int
}

func (c *curious) Send(s *rules.Sending) rules.Sent {
	s.Reset()
	s.Uses.SetExact(flow.FieldEthSrc)
	s.Entry = rules.Entry{VNI: 7, Src: [6]byte(s.Key.Bytes(flow.FieldEthSrc)), Port: 101}
	return rules.SentOut
}

func (c *curious) MTU() int { return 1500 }

func (c *curious) Entered(e *rules.Entry, _ int64) { c.entered[e.Src]++ }

func (c *curious) Arrived(k *flow.Key, uses *flow.Mask) (rules.Lesson, uint64) {
	uses.SetExact(flow.FieldEthSrc)
	return rules.Lesson{VNI: 7, Src: [6]byte(k.Bytes(flow.FieldEthSrc)), From: one, To: here}, 1
}

func (c *curious) Heed(l *rules.Lesson) { c.heeded[l.Src]++ }

// Whoever sends with ever other addresses leaves the contexts to those who need them.
func TestAGuestWithManyAddressesTakesNoContexts(t *testing.T) {
	tun := &curious{make(map[[6]byte]int), make(map[[6]byte]int)}
	ports := append(trunks(1, 2), rules.Port{ID: 110, Number: 10, Name: "tun", Tunnel: tun})
	table, _ := newTable(t, Options{}, ports, "in_port=1,actions=output:10\nin_port=10,actions=output:1")
	into, out := packet(t, "in_port=1"), packet(t, "in_port=10")
	const addresses = 1000
	before := 0
	for i := range addresses {
		mac := []byte{2, 0, 0, 0, byte(i >> 8), byte(i)}
		for _, k := range [...]*flow.Key{into, out} {
			k.SetBytes(flow.FieldEthSrc, mac)
			v := verdictOf(t, table, k)
			table.Hold(v.Trail)
			table.Credit(v.Trail, 1, 60, 5)
		}
		if i == 0 {
			before = table.contexts.len()
		}
	}
	if n := table.contexts.len(); n != before {
		t.Errorf("%d contexts more, for %d addresses", n-before, addresses)
	}
	if len(tun.entered) != addresses || len(tun.heeded) != addresses {
		t.Errorf("%d addresses have gone in, %d have come by, want %d", len(tun.entered), len(tun.heeded), addresses)
	}
	for mac, n := range tun.heeded {
		if n != 2 || tun.entered[mac] != 1 { // what comes by is heard of in the look-up, too
			t.Errorf("% x has been heard of %d times and %d times", mac, n, tun.entered[mac])
		}
	}
}

package datapath_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// TestPacketsGoToControllersAndComeBack: a program's packet reaches the subscriber, cached or not, a paused one
// goes on when that says so, and one that a controller made is treated by the tables.
func TestPacketsGoToControllersAndComeBack(t *testing.T) {
	s := newSteps(t, "in_port=1,actions=load:7->NXM_NX_REG1[],controller(max_len=20,pause),output:2\nin_port=2,actions=controller\nreg1=5,actions=3", "a", "b", "c")
	table := s.table
	sub := table.SubscribePackets(0, 10)
	defer sub.Close()
	packet := udp(t, 1, 2, 7, 20)
	for range 2 { // looked up, then cached
		s.send(2, packet)
		select {
		case p := <-sub.C:
			if !bytes.Equal(p.Data, packet) || p.Size != len(packet) || p.Continuation != 0 {
				t.Errorf("got %d of %d bytes", len(p.Data), p.Size)
			}
		default:
			t.Fatal("the packet did not arrive")
		}
	}
	s.send(1, packet)
	p := <-sub.C
	if len(p.Data) != 20 || p.Match.String() != "reg1=0x7,in_port=1" {
		t.Errorf("got %d bytes, %s", len(p.Data), p.Match)
	}
	if err := table.Resume(p.Continuation, p.Match, packet); err != nil {
		t.Fatal(err)
	}
	s.Walk()
	s.send(2, packet) // a step that lets the other packet go, too
	if got := s.peers["b"].RecvBytes(); len(got) != 1 || !bytes.Equal(got[0], packet) {
		t.Errorf("the paused packet went on as %x", got)
	}
	out, err := openflow.Parser{}.ParsePacketOut("reg1=5,packet=" + hex.EncodeToString(packet) + ",actions=resubmit(,0)")
	if err == nil {
		err = table.SendPacket(&out)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.send(2, packet)
	if got := s.peers["c"].RecvBytes(); len(got) != 1 || !bytes.Equal(got[0], packet) {
		t.Errorf("the controller's packet went out as %x", got)
	}
}

// TestAPacketKeepsItsTunnelFieldsWithAController: they reach the controller, come back with the packet, and rules match
// them again.
func TestAPacketKeepsItsTunnelFieldsWithAController(t *testing.T) {
	s := newSteps(t, "tun_id=5,tun_src=192.0.2.2,actions=2", "a", "b")
	sub := s.table.SubscribePackets(0, 1)
	defer sub.Close()
	packet := udp(t, 1, 2, 7, 20)
	out, err := openflow.Parser{}.ParsePacketOut("in_port=1,tun_id=5,tun_src=192.0.2.2,packet=" + hex.EncodeToString(packet) + ",actions=controller(pause),resubmit(,0)")
	if err == nil {
		err = s.table.SendPacket(&out)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.send(1, packet) // steps that let the packet go, too
	s.send(1, packet)
	p := <-sub.C
	if got, want := p.MatchText(), "tun_id=0x5,tun_src=192.0.2.2,in_port=1"; got != want {
		t.Errorf("the controller is told %s, want %s", got, want)
	}
	if err := s.table.Resume(p.Continuation, p.Match, p.Data); err != nil {
		t.Fatal(err)
	}
	s.send(1, packet)
	if got := s.peers["b"].RecvBytes(); len(got) != 1 || !bytes.Equal(got[0], packet) {
		t.Errorf("it went on as %x", got)
	}
}

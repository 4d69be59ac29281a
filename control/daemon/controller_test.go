package daemon_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/api"
)

func TestMetersAreAddedShownAndGoWithTheirRules(t *testing.T) {
	l := start(t, twoPorts)
	refuse(l, api.FlowAdd, api.FlowText{Lines: []string{"in_port=p1,actions=meter:3,p2"}}, api.BadConfig)
	call(l, api.MeterAdd, api.MeterText{Meters: []string{"meter=3,pktps,burst,band=type=drop,rate=1,burst_size=1"}})
	refuse(l, api.MeterAdd, api.MeterText{Meters: []string{"meter=3,kbps,band=type=drop,rate=1"}}, api.Exists)
	refuse(l, api.MeterAdd, api.MeterText{Meters: []string{"meter=3"}}, api.BadConfig)
	refuse(l, api.MeterShow, api.MeterID{Meter: "4"}, api.NotFound)
	call(l, api.FlowReplace, api.FlowText{Lines: []string{"in_port=p1,actions=meter:3,p2"}})
	p1, p2 := l.peer("p1"), l.peer("p2")
	p1.SendBytes(packet(1, 2), packet(1, 2), packet(1, 2))
	arrives(t, p2, 1)
	eventually(t, "three packets at the meter", func() bool {
		m := call(l, api.MeterShow, api.MeterID{})
		return len(m) == 1 && m[0].Packets == 3
	})
	m := call(l, api.MeterShow, api.MeterID{Meter: "3"})[0]
	if m.Config != "meter=3 pktps burst bands=\ntype=drop rate=1 burst_size=1" || m.Flows != 1 || m.Bands[0].Packets != 2 {
		t.Errorf("got %+v", m)
	}
	call(l, api.MeterMod, api.MeterText{Meters: []string{"meter=3,pktps,band=type=drop,rate=1000"}})
	if got := call(l, api.MeterDel, api.MeterID{Meter: "3"}); got.Count != 1 {
		t.Errorf("%d rules went with the meter, want 1", got.Count)
	}
	refuse(l, api.MeterDel, api.MeterID{Meter: "3"}, api.NotFound)
	refuse(l, api.MeterShow, api.MeterID{Meter: "0"}, api.BadParams)
}

func TestPacketsForControllersAreWatchedAndGoOn(t *testing.T) {
	l := start(t, twoPorts)
	call(l, api.FlowReplace, api.FlowText{Lines: []string{"in_port=p1,actions=controller(pause,userdata=07),p2"}})
	refuse(l, api.Monitor, api.MonitorNext{}, api.BadParams)
	refuse(l, api.Monitor, api.MonitorNext{Session: "x"}, api.NotFound)
	session := call(l, api.Monitor, api.MonitorNext{Packets: true, Flows: true}).Session
	p1, p2 := l.peer("p1"), l.peer("p2")
	p1.SendBytes(packet(1, 2))
	got := call(l, api.Monitor, api.MonitorNext{Session: session, WaitSeconds: 10})
	if len(got.Events) != 1 || got.Events[0].Packet == nil {
		t.Fatalf("got %+v, want one packet", got)
	}
	if b := call(l, api.GetStats, api.Nothing{}).Bridges; len(b) != 1 || b[0].Bridge != "br0" || counted(b[0].Counters, "packet_in") != 1 {
		t.Errorf("the bridge counted %+v, want one packet_in", b)
	}
	p := got.Events[0].Packet
	if p.Data != hex.EncodeToString(packet(1, 2)) || p.InPort != 1 || p.UserData != "07" || p.Continuation == "" || !strings.Contains(p.Text, "in_port=1 (via action)") {
		t.Errorf("got %+v", p)
	}
	refuse(l, api.ResumePacket, api.PacketResume{Continuation: "0x1", Match: p.Match, Data: p.Data}, api.NotFound)
	call(l, api.ResumePacket, api.PacketResume{Continuation: p.Continuation, Match: p.Match, Data: p.Data})
	arrives(t, p2, 1)
	call(l, api.SendPacket, api.PacketOut{Text: "packet=" + p.Data + ",actions=p1"})
	arrives(t, p1, 1)
	refuse(l, api.SendPacket, api.PacketOut{Text: "actions=foo"}, api.BadConfig)
	call(l, api.FlowDel, api.FlowText{Lines: []string{"in_port=p1"}})
	if got := call(l, api.Monitor, api.MonitorNext{Session: session, WaitSeconds: 10}); len(got.Events) != 1 || !strings.HasPrefix(got.Events[0].Flow, "event=DELETED") {
		t.Errorf("got %+v, want a flow that was deleted", got)
	}
	if got := call(l, api.Monitor, api.MonitorNext{Session: session}); len(got.Events) != 0 || got.Lost != 0 {
		t.Errorf("got %+v, want nothing", got)
	}
}

func TestOnlyTheFlowsThatAreAskedForAreWatched(t *testing.T) {
	l := start(t, twoPorts)
	call(l, api.FlowReplace, api.FlowText{Lines: []string{"ip,actions=drop", "table=1,arp,actions=p2"}})
	watch := "table=1,!delete,!actions"
	session := call(l, api.Monitor, api.MonitorNext{Watch: &watch}).Session
	call(l, api.FlowDel, api.FlowText{})
	call(l, api.FlowAdd, api.FlowText{Lines: []string{"ip,actions=drop", "table=1,tcp,actions=p2"}})
	var got []string
	for len(got) < 2 {
		for _, e := range call(l, api.Monitor, api.MonitorNext{Session: session, WaitSeconds: 10}).Events {
			got = append(got, e.Flow)
		}
	}
	if want := "event=ADDED table=1 cookie=0 arp\nevent=ADDED table=1 cookie=0 tcp"; strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	watch = "!foo"
	refuse(l, api.Monitor, api.MonitorNext{Watch: &watch}, api.BadConfig)
}

package daemon_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/api"
)

func TestATraceAsksTheRunningSwitchAndLeavesItAsItWas(t *testing.T) {
	l := start(t, twoPorts)
	q := api.TraceQuery{Bridge: "br0", Flow: "in_port=p1,ip,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02", Generate: true}
	a := call(l, api.Trace, q)
	if len(a.Looks) != 1 || a.Looks[0].Cache != "slow" || a.Looks[0].Actions == "drop" || !strings.Contains(a.Text, "Answered by: slow path\n") {
		t.Errorf("got %+v", a)
	}
	if n := len(call(l, api.FDBShow, api.BridgeName{})); n != 0 {
		t.Errorf("the trace taught the switch %d addresses", n)
	}
	if n := len(call(l, api.CacheDump, api.CacheFilter{})); n != 0 {
		t.Errorf("the trace left %d cached flows", n)
	}
	refuse(l, api.Trace, api.TraceQuery{Bridge: "br9", Flow: "in_port=1"}, api.NotFound)
	refuse(l, api.Trace, api.TraceQuery{Flow: "in_port=77"}, api.BadConfig)

	p1, p2 := l.peer("p1"), l.peer("p2")
	p1.SendBytes(packet(1, 2))
	arrives(t, p2, 1)
	eventually(t, "the megaflow cache would answer", func() bool {
		return call(l, api.Trace, api.TraceQuery{Flow: "in_port=p1", Packet: hex.EncodeToString(packet(1, 2))}).Looks[0].Cache == "megaflow"
	})
}

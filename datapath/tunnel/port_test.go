package tunnel

import (
	"testing"

	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/underlay"
)

func TestAPortSaysWhereItsPacketsGoOrWhyNot(t *testing.T) {
	for _, c := range []struct{ options, way, reason string }{
		{"remote_ip=192.0.2.1", "port eth1 to 02:00:00:00:00:01 from 192.0.2.9", ""},
		{"remote_ip=192.0.2.2", "", "no route leads there"},
		{"remote_ip=flow", "", ""},
	} {
		b := newBench(t, encap.VXLAN, c.options, ways{"192.0.2.1": underlay.OK})
		if way, reason := b.port.Way(); way != c.way || reason != c.reason {
			t.Errorf("%s: %q, %q", c.options, way, reason)
		}
	}
}

package daemon

import (
	"testing"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd"
)

func TestPacketsOfATunnelAreToldByWhatItsOptionsSay(t *testing.T) {
	for _, c := range []struct {
		typ, port string
		want      pmd.TunnelEnd
	}{
		{"vxlan", "", pmd.TunnelEnd{Proto: wire.ProtoUDP, Port: 4789}},
		{"vxlan", "8472", pmd.TunnelEnd{Proto: wire.ProtoUDP, Port: 8472}},
		{"vxlan", "0x2118", pmd.TunnelEnd{Proto: wire.ProtoUDP, Port: 8472}},
		{"geneve", "", pmd.TunnelEnd{Proto: wire.ProtoUDP, Port: 6081}},
		{"nvgre", "", pmd.TunnelEnd{Proto: wire.ProtoGRE}},
	} {
		options := map[string]string{"remote_ip": "192.0.2.2", "key": "5"}
		if c.port != "" {
			options["dst_port"] = c.port
		}
		got := endsOf(config.Port{Name: "t", Type: c.typ, Options: options})
		if len(got) != 1 || got[0] != c.want {
			t.Errorf("%s with dst_port %q: %v, want %v", c.typ, c.port, got, c.want)
		}
	}
	if got := endsOf(config.Port{Name: "p", Type: "memory"}); got != nil {
		t.Errorf("a port that is no tunnel: %v", got)
	}
}

func TestEachTypeOfTunnelIsSharedWithTheHost(t *testing.T) {
	for _, typ := range encap.Types() {
		p := config.Port{Name: "t", Type: typ.String(), Options: map[string]string{"remote_ip": "192.0.2.2", "key": "5"}}
		if got := endsOf(p); len(got) != 1 || got[0].Proto != typ.Proto() || got[0].Port != typ.Port() {
			t.Errorf("%s: %v", typ, got)
		}
	}
}

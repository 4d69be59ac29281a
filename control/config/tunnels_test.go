package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
)

// parseTunnels checks a configuration of two bridges with these ports.
func parseTunnels(here, there string) error {
	types := make(config.PortTypes)
	for _, t := range encap.Types() {
		types[t.String()] = tunnel.Check(t)
	}
	_, err := config.Parse(config.Source{
		Name: "c.yaml", Drivers: types,
		Text: "bridges:\n- name: b1\n  ports:\n" + here + "- name: b2\n  ports:\n" + there,
	})
	return err
}

func TestTunnelsThatCannotBeOpenTogetherAreAnError(t *testing.T) {
	const geneve = "  - {name: a, type: geneve, options: {remote_ip: 192.0.2.1}}\n"
	for _, c := range []struct{ name, port, want string }{
		{"one that is another", "  - {name: b, type: geneve, options: {remote_ip: 192.0.2.1, in_key: 0, ttl: 3}}\n",
			"c.yaml:7:21: bridges[1].ports[0].type: port b is the same tunnel as port a: geneve remote_ip=192.0.2.1 in_key=0 dst_port=6081"},
		{"another type on its UDP port", "  - {name: b, type: vxlan, options: {remote_ip: 192.0.2.2, dst_port: 0x17c1}}\n",
			"c.yaml:7:70: bridges[1].ports[0].options.dst_port: port b, of type vxlan, has dst_port 6081, which is that of port a, of type geneve"},
		{"a tunnel that is wrong by itself", "  - {name: b, type: geneve, options: {remote_ip: 192.0.2.1, ttl: 0}}\n",
			`c.yaml:7:66: bridges[1].ports[0].options.ttl: want a number of 1 to 255 or inherit, found "0"`},
		{"another key", "  - {name: b, type: geneve, options: {remote_ip: 192.0.2.1, key: 1}}\n", ""},
		{"another UDP port", "  - {name: b, type: vxlan, options: {remote_ip: 192.0.2.1}}\n", ""},
		{"a type without UDP ports", "  - {name: b, type: gre, options: {remote_ip: 192.0.2.1}}\n", ""},
	} {
		got := ""
		if err := parseTunnels(geneve, c.port); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestMoreUDPPortsThanWorkersKnowAreAnError(t *testing.T) {
	var most strings.Builder
	for i := range encap.MaxPorts {
		fmt.Fprintf(&most, "  - {name: a%d, type: vxlan, options: {remote_ip: 192.0.2.1, dst_port: %d}}\n", i, 10000+i)
	}
	if err := parseTunnels(most.String(), "  - {name: b, type: vxlan, options: {remote_ip: 192.0.2.2, dst_port: 10000}}\n"); err != nil {
		t.Errorf("as many as they know: %v", err)
	}
	err := parseTunnels(most.String(), "  - {name: b, type: vxlan, options: {remote_ip: 192.0.2.1, dst_port: 9999}}\n")
	if want := "options.dst_port: port b, of type vxlan, has dst_port 9999: others use 128 UDP ports, and no more fit"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

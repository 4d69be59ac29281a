package switches

import (
	"fmt"
	"net"
	"strings"
)

// Names of the bridges: the one that is measured, that of a tunnel's outer packets, and the tunnel's port.
const (
	bridge   = "br0"
	underlay = "underlay"
	tunnel   = "tunnel"
)

// text is Culvert's configuration in a scene.
func (c *Culvert) text(s Scene) string {
	var b strings.Builder
	fmt.Fprintf(&b, "workers: {cpus: [%d]}\n", s.CPU)
	for _, more := range []string{c.Config, exactOff(s), inline(s)} {
		if more != "" {
			fmt.Fprintln(&b, more)
		}
	}
	fmt.Fprintf(&b, "bridges:\n  - name: %s\n    flows: [actions=drop]\n    ports:\n", bridge)
	if s.Tunnel == nil {
		for i := range s.Ports {
			c.port(&b, s, i, "")
		}
		return b.String()
	}
	c.port(&b, s, 0, "")
	fmt.Fprintf(&b, "      - {name: %s, type: %s, number: %d, options: {remote_ip: %s, key: %d}}\n", tunnel, s.Tunnel.Type, TunnelPort, s.Tunnel.Far, s.Tunnel.Key)
	fmt.Fprintf(&b, "  - name: %s\n    flows: []\n    ports:\n", underlay)
	c.port(&b, s, 1, fmt.Sprintf(", underlay: {address: %s/24, mac: '%s', neighbours: [{address: %s, mac: '%s'}]}",
		s.Tunnel.Near, net.HardwareAddr(s.Tunnel.NearMAC[:]), s.Tunnel.Far, net.HardwareAddr(s.Tunnel.FarMAC[:])))
	return b.String()
}

// port writes a port of the scene, with more of what a port can have.
func (c *Culvert) port(b *strings.Builder, s Scene, i int, more string) {
	if p := s.Ports[i]; p.Socket != "" {
		fmt.Fprintf(b, "      - {name: vu%d, type: vhost-user, number: %d, options: {path: %q, %s%s}%s}\n", i, i+1, p.Socket, longer(s), c.Ports, more)
	} else {
		fmt.Fprintf(b, "      - {name: %s, type: afxdp, number: %d, options: {%s}%s}\n", p.Device, i+1, c.Ports, more)
	}
}

// longer is the option of ports that take longer packets, with a comma behind it.
func longer(s Scene) string {
	if s.MTU == 0 {
		return ""
	}
	return fmt.Sprintf("mtu: %d, ", s.MTU)
}

// exactOff all but turns the exact-match cache off: one new flow in a million may enter it, and it has 64 places.
func exactOff(s Scene) string {
	if !s.NoExact {
		return ""
	}
	return "caches: {emc-entries: 64, emc-insert: 1/1048576}"
}

// inline is what Open vSwitch does always.
func inline(s Scene) string {
	if !s.Inline {
		return ""
	}
	return "slow-path: {thread: worker}"
}

package encap

import "fmt"

type portType struct {
	port uint16
	typ  Type
}

// MaxPorts is the most UDP ports that tunnels may use: half of the table of ports.
const MaxPorts = len(Tunnels{}.ports) / 2

// hashPort returns the first place in the table of ports to look for one.
func hashPort(port uint16) uint8 { return uint8(uint32(port) * 0x9e37 >> 8) }

// typeOf returns the type of the tunnels that use a UDP port; NoType if none does.
func (t *Tunnels) typeOf(port uint16) Type {
	for at := hashPort(port); ; at++ {
		if p := t.ports[at]; p.port == port || p.typ == NoType {
			return p.typ
		}
	}
}

// usePorts enters the UDP ports of the tunnels.
func (t *Tunnels) usePorts(entries []entry) error {
	n := 0
	for i := range entries {
		e := &entries[i]
		if !e.tunnel.Type.UDP() {
			continue
		}
		p := portType{e.tunnel.port(), e.tunnel.Type}
		switch typ := t.typeOf(p.port); {
		case typ == p.typ:
			continue
		case typ != NoType:
			return fmt.Errorf("UDP port %d: it is used by %s and by %s", p.port, typ, p.typ)
		}
		if n++; n > MaxPorts {
			return fmt.Errorf("UDP ports: tunnels use more than %d", MaxPorts)
		}
		at := hashPort(p.port)
		for t.ports[at].typ != NoType {
			at++
		}
		t.ports[at] = p
	}
	return nil
}

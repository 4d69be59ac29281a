package tunnel

import "github.com/culvertdev/culvert/encap"

// Receives returns how packets are told that come in by the tunnel. port is its datapath port.
func (p *Port) Receives(port uint32) encap.Tunnel {
	c := p.config
	return encap.Tunnel{
		Port: port, Type: c.Type, Remote: c.Remote.Addr, Local: c.Local.Addr, LocalByFlow: c.Local.From == Flow,
		UDPPort: c.DstPort, Key: c.InKey.ID, AnyKey: c.InKey.From == Flow, GBP: c.GroupPolicy, GPE: c.Generic,
		ZeroChecksum6: !c.Checksum6, // RFC 6936 section 5: nobody takes them unless told to
	}
}

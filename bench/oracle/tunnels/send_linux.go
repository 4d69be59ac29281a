package tunnels

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"time"
)

// A packet of this EtherType follows each packet that Open vSwitch gets: when the port it is sent to has it, the one
// before is done with. The ports, one of each bridge, are no scene's.
const (
	followType             = 0x88b5 // for local experiments (IEEE 802, clause 9.2)
	followPort, followWait = 60, 20 * time.Second
)

var (
	followFlow   = fmt.Sprintf("priority=65535,dl_type=0x%x,actions=output:%d", followType, followPort)
	followPacket = append(make([]byte, 12), append([]byte{followType >> 8, followType & 0xff}, make([]byte, 46)...)...)
)

// send returns what leaves the ports for a packet.
func (o *openVSwitch) send(p Packet) (Output, error) {
	last := "follow" + above
	if p.Port == wan {
		last = "follow" + below
	}
	if err := o.ovs.Receive(p.Port, p.Data, followPacket); err != nil {
		return nil, err
	}
	for end := time.Now().Add(followWait); ; {
		done, err := o.ovs.Sent(last)
		if err != nil {
			return nil, err
		}
		if len(done) > 0 && bytes.Equal(done[len(done)-1], followPacket) {
			break
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("packet by port %s: Open vSwitch does not get done with it", p.Port)
		}
	}
	// Ports send one after the other: the others have when the main loop comes round again.
	if _, err := o.ovs.Appctl("version"); err != nil {
		return nil, err
	}
	out := make(Output)
	for _, port := range append([]string{wan}, hosts...) {
		sent, err := o.ovs.Sent(port)
		if err != nil {
			return nil, err
		}
		if len(sent) > 0 {
			out[port] = sent
		}
	}
	return out, nil
}

// trace returns the trace of a packet that comes in by one of the bridge's ports.
func (o *openVSwitch) trace(p Packet) (string, error) {
	return o.ovs.Appctl("ofproto/trace", above, "in_port="+p.Port, hex.EncodeToString(p.Data))
}

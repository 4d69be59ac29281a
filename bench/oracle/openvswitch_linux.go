package oracle

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/ovs"
)

// bridge is the name of the bridge on both sides.
const bridge = "br0"

// A packet of this EtherType follows each packet that the other side gets: when the port it is sent to has it,
// the one before is done with.
const (
	followType = 0x88b5 // for local experiments (IEEE 802, clause 9.2)
	followPort = 60
	followWait = 10 * time.Second
)

var (
	followFlow   = fmt.Sprintf("table=0,priority=65535,dl_type=0x%x,actions=output:%d", followType, followPort)
	followPacket = append(make([]byte, 12), append([]byte{followType >> 8, followType & 0xff}, make([]byte, 46)...)...)
)

// openVSwitch is the side that is right.
type openVSwitch struct {
	ovs *ovs.Instance
	dir string
	s   *Scene
}

// load gives the bridge a scene's ports and rules. It returns what was refused, by its text.
func (o *openVSwitch) load(ctx context.Context, s *Scene) (refused map[string]string, err error) {
	if o.s != nil {
		if err := o.ovs.DelBridge(ctx, bridge); err != nil {
			return nil, err
		}
	}
	o.s = s
	ports := []ovs.DummyPort{{Name: portName(followPort), Number: followPort}}
	for _, p := range s.Ports {
		ports = append(ports, ovs.DummyPort{Name: portName(p.Number), Number: p.Number, Port: columns(p.VLAN)})
	}
	if err := o.ovs.AddDummyBridge(ctx, bridge, nil, ports); err != nil {
		return nil, err
	}
	if len(s.Mirrors) > 0 {
		if _, err := o.ovs.Vsctl(ctx, mirrorColumns(bridge, s.Mirrors)...); err != nil {
			return nil, err
		}
	}
	refused = make(map[string]string)
	for _, g := range s.Groups {
		if _, err := o.ovs.Ofctl(ctx, openflow15, "add-group", bridge, g); err != nil {
			refused[g] = err.Error()
		}
	}
	if err := o.addFlows(ctx, append([]string{followFlow}, s.Flows...), refused); err != nil {
		return nil, err
	}
	// Cached flows of the bridge before this one are still there, and datapath ports have the same numbers.
	return refused, o.forget()
}

// Versions of OpenFlow that rules are given in.
const (
	openflow10 = "OpenFlow10" // and Nicira's extensions
	openflow15 = "OpenFlow15"
)

// versionOf returns the version in which a flow means what it says: see oldActions.
func versionOf(flow string) string {
	if strings.Contains(flow, "mod_vlan_") || strings.Contains(flow, "strip_vlan") {
		return openflow10
	}
	return openflow15
}

// addFlows adds flows, those of a version at once, or one by one when one is refused.
func (o *openVSwitch) addFlows(ctx context.Context, flows []string, refused map[string]string) error {
	for _, version := range []string{openflow10, openflow15} {
		list := slices.DeleteFunc(slices.Clone(flows), func(f string) bool { return versionOf(f) != version })
		file := filepath.Join(o.dir, "flows")
		if err := os.WriteFile(file, []byte(strings.Join(list, "\n")), 0o600); err != nil {
			return err
		}
		if _, err := o.ovs.Ofctl(ctx, version, "add-flows", bridge, file); err == nil {
			continue
		}
		for _, f := range list {
			if _, err := o.ovs.Ofctl(ctx, version, "add-flow", bridge, f); err != nil {
				refused[f] = err.Error()
			}
		}
	}
	return nil
}

// send returns what leaves the ports for a packet.
func (o *openVSwitch) send(p Packet) (Output, error) {
	if err := o.ovs.Receive(portName(p.Port), p.Data, followPacket); err != nil {
		return nil, err
	}
	for end := time.Now().Add(followWait); ; {
		done, err := o.ovs.Sent(portName(followPort))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(done, func(p []byte) bool { return bytes.Equal(p, followPacket) }) { // others are flooded there
			break
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("packet by port %d: Open vSwitch does not get done with it", p.Port)
		}
	}
	// Ports send one after the other: the others have when the main loop comes round again.
	if _, err := o.ovs.Appctl("version"); err != nil {
		return nil, err
	}
	out := make(Output)
	for _, port := range o.s.Ports {
		sent, err := o.ovs.Sent(portName(port.Number))
		if err != nil {
			return nil, err
		}
		sent = slices.DeleteFunc(sent, followed)
		if len(sent) > 0 {
			out[port.Number] = sent
		}
	}
	return out, nil
}

// forget empties the flow cache. What packets of a cached flow teach is taught when somebody counts them, as in Culvert,
// and which of two packets has taught last depends on when.
func (o *openVSwitch) forget() error {
	_, err := o.ovs.Appctl("revalidator/purge")
	return err
}

// followed reports whether a packet is a mirror's copy of followPacket, whatever its tags: no other has these addresses.
func followed(packet []byte) bool { return bytes.HasPrefix(packet, followPacket[:12]) }

func portName(number uint32) string { return fmt.Sprintf("p%d", number) }

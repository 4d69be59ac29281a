package trace

import (
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/datapath"
)

// ports are a bridge's, by OpenFlow number; datapath ports of other bridges are known by name.
type ports struct {
	bridge string
	all    []datapath.PortStatus
}

func portsOf(sw Switch, bridge string) ports { return ports{bridge, sw.Ports()} }

// PortName implements flow.PortNames.
func (p ports) PortName(number uint32) (string, bool) {
	for i := range p.all {
		if p.all[i].Bridge == p.bridge && p.all[i].Number == number {
			return p.all[i].Name, true
		}
	}
	return "", false
}

// PortNumber implements flow.PortNames.
func (p ports) PortNumber(name string) (uint32, bool) {
	for i := range p.all {
		if p.all[i].Bridge == p.bridge && p.all[i].Name == name {
			return p.all[i].Number, true
		}
	}
	return 0, false
}

// id returns the datapath port of an OpenFlow number.
func (p ports) id(number uint32) (uint32, bool) {
	for i := range p.all {
		if p.all[i].Bridge == p.bridge && p.all[i].Number == number {
			return p.all[i].ID, true
		}
	}
	return 0, false
}

// number returns the OpenFlow number of a datapath port.
func (p ports) number(id uint32) uint32 {
	for i := range p.all {
		if p.all[i].ID == id {
			return p.all[i].Number
		}
	}
	return 0
}

// name returns the name of a datapath port.
func (p ports) name(id uint32) string {
	for i := range p.all {
		if p.all[i].ID == id {
			return p.all[i].Name
		}
	}
	return fmt.Sprintf("port%d", id)
}

// port returns the port with a datapath id.
func (p ports) port(id uint32) (port datapath.PortStatus) {
	for i := range p.all {
		if p.all[i].ID == id {
			return p.all[i]
		}
	}
	return port
}

// list names the bridge's ports.
func (p ports) list() string {
	var names []string
	for i := range p.all {
		if p.all[i].Bridge == p.bridge {
			names = append(names, fmt.Sprintf("%d %s", p.all[i].Number, p.all[i].Name))
		}
	}
	return strings.Join(names, ", ")
}

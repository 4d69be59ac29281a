package oracle

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// A Scene is what both switches are given.
type Scene struct {
	Number  uint64 // it was made from
	Ports   []Port
	Bonds   []openflow.Bond // one at most
	Mirrors []openflow.Mirror
	// Snooping: NORMAL sends multicast where it is listened to.
	Snooping bool
	Options  string   // tunnel options, in the syntax of ovs-ofctl add-tlv-map
	Meters   []string // in ovs-ofctl's syntax, as Groups and Flows
	Groups   []string
	Flows    []string
	Packets  []Packet
}

// A Port is a port of the bridge.
type Port struct {
	Number uint32
	VLAN   rules.VLAN
}

// A Packet comes in by a port.
type Packet struct {
	Port uint32
	Data []byte
}

// Output is what left one port for one packet, in order.
type Output map[uint32][][]byte

// without returns the scene less the elements of one of its lists from i up to j.
func (s Scene) without(list func(*Scene) sliceOf, i, j int) Scene {
	list(&s).cut(i, j)
	return s
}

// A sliceOf is one of a scene's lists.
type sliceOf interface {
	len() int
	cut(i, j int)
}

type part[T any] struct{ s *[]T }

func (p part[T]) len() int { return len(*p.s) }

// cut leaves the list it was made from as it is.
func (p part[T]) cut(i, j int) { *p.s = slices.Concat((*p.s)[:i], (*p.s)[j:]) }

// lists are a scene's lists that can be shortened.
var lists = []func(*Scene) sliceOf{
	func(s *Scene) sliceOf { return part[string]{&s.Flows} },
	func(s *Scene) sliceOf { return part[Packet]{&s.Packets} },
	func(s *Scene) sliceOf { return part[string]{&s.Groups} },
	func(s *Scene) sliceOf { return part[openflow.Mirror]{&s.Mirrors} },
	func(s *Scene) sliceOf { return part[openflow.Bond]{&s.Bonds} },
}

// shrink returns a smaller scene that is still bad, for which bad is asked at most tries times.
func (s Scene) shrink(tries int, bad func(Scene) bool) Scene {
	for again := true; again; {
		again = false
		for _, list := range lists {
			for size := max(1, list(&s).len()/2); size > 0; size /= 2 {
				for i := 0; i+size <= list(&s).len(); {
					if tries--; tries < 0 {
						return s
					}
					if smaller := s.without(list, i, i+size); bad(smaller) {
						s, again = smaller, true
					} else {
						i += size
					}
				}
			}
		}
	}
	return s
}

// String returns the scene as text that tells how to set it up again.
func (s Scene) String() string {
	var b strings.Builder
	for _, p := range s.Ports {
		if len(columns(p.VLAN)) > 0 {
			fmt.Fprintf(&b, "port %d: %s\n", p.Number, strings.Join(columns(p.VLAN), " "))
		}
	}
	for _, bond := range s.Bonds {
		fmt.Fprintf(&b, "bond: %+v\n", bond)
	}
	for _, m := range s.Mirrors {
		fmt.Fprintf(&b, "mirror: %+v\n", m)
	}
	if s.Snooping {
		fmt.Fprintln(&b, "mcast-snooping-enable")
	}
	for _, m := range s.Meters {
		fmt.Fprintf(&b, "meter: %s\n", m)
	}
	for _, g := range s.Groups {
		fmt.Fprintf(&b, "group: %s\n", g)
	}
	for _, f := range s.Flows {
		fmt.Fprintf(&b, "flow: %s\n", f)
	}
	for _, p := range s.Packets {
		fmt.Fprintf(&b, "packet by port %d: %s\n", p.Port, hex.EncodeToString(p.Data))
	}
	return b.String()
}

// columns returns a port's VLAN settings as columns of Open vSwitch's Port table.
func columns(v rules.VLAN) []string {
	var list []string
	switch v.Mode {
	case rules.VLANAccess:
		list = append(list, fmt.Sprintf("tag=%d", v.Tag))
	case rules.VLANNativeTagged:
		list = append(list, "vlan_mode=native-tagged", fmt.Sprintf("tag=%d", v.Tag))
	case rules.VLANNativeUntagged:
		list = append(list, "vlan_mode=native-untagged", fmt.Sprintf("tag=%d", v.Tag))
	case rules.VLANDot1qTunnel:
		list = append(list, "vlan_mode=dot1q-tunnel", fmt.Sprintf("tag=%d", v.Tag))
	}
	return list2(list, "trunks", v.Trunks)
}

func list2(list []string, name string, vlans []uint16) []string {
	if len(vlans) == 0 {
		return list
	}
	var text []string
	for _, v := range vlans {
		text = append(text, fmt.Sprint(v))
	}
	return append(list, name+"="+strings.Join(text, ","))
}

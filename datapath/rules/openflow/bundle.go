package openflow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// maxMembers bounds the members of a Bundle (ovs-actions(7), "The bundle and bundle_load actions").
const maxMembers = 2048

// Bundle chooses one of some ports that are up: the first one, or one by a hash of the packet. It sends the
// packet there, or writes the port's number to part of a field, PortNone if all are down.
type Bundle struct {
	Fields  HashFields
	Basis   uint16
	Hash    bool // hrw, highest random weight; otherwise active_backup, the first
	Members []uint32
	Load    bool
	Dst     flow.Subfield // Load
}

func (a *Bundle) appendText(b []byte) []byte {
	name, algorithm := "bundle", "active_backup"
	if a.Load {
		name = "bundle_load"
	}
	if a.Hash {
		algorithm = "hrw"
	}
	b = fmt.Appendf(b, "%s(%s,%d,%s,ofport,", name, a.Fields, a.Basis, algorithm)
	if a.Load {
		b = append(appendSubfield(b, a.Dst), ',')
	}
	b = append(b, "members:"...)
	for i, port := range a.Members {
		if i > 0 {
			b = append(b, ',')
		}
		b = flow.AppendPort(b, port, nil)
	}
	return append(b, ')')
}

func parseBundle(arg argument) (Action, error) {
	a := &Bundle{Load: arg.name == "bundle_load"}
	form := "fields,basis,algorithm,ofport,members:port..."
	head := 4
	if a.Load {
		form = "fields,basis,algorithm,ofport,dst,members:port..."
		head = 5
	}
	w := words(arg.text)
	if len(w) <= head {
		return nil, fmt.Errorf("want (%s), found %q", form, arg.text)
	}
	first, ok := strings.CutPrefix(w[head], "members:")
	if !ok {
		first, ok = strings.CutPrefix(w[head], "slaves:") // until OVS 2.15
	}
	if !ok || w[3] != "ofport" {
		return nil, fmt.Errorf("want (%s), found %q", form, arg.text)
	}
	if err := a.parseHead(w); err != nil {
		return nil, err
	}
	members := append([]string{first}, w[head+1:]...)
	if len(members) > maxMembers {
		return nil, fmt.Errorf("want at most %d members, found %d", maxMembers, len(members))
	}
	for _, text := range members {
		if text == "" && len(members) == 1 {
			break // none
		}
		port, err := flow.ParsePort(text, arg.ports)
		if err != nil || port > PortMax && port != PortLocal || port == 0 {
			return nil, fmt.Errorf("members: want ports of the bridge, found %q", text)
		}
		a.Members = append(a.Members, port)
	}
	return a, nil
}

// parseHead reads what stands in front of the members.
func (a *Bundle) parseHead(w []string) (err error) {
	if a.Fields, err = parseHashFields(w[0]); err != nil {
		return err
	}
	basis, err := strconv.ParseUint(w[1], 0, 16)
	if err != nil {
		return fmt.Errorf("basis: want a number of 16 bits, found %q", w[1])
	}
	a.Basis = uint16(basis)
	switch w[2] {
	case "hrw":
		a.Hash = true
	case "active_backup":
	default:
		return fmt.Errorf("want algorithm active_backup or hrw, found %q", w[2])
	}
	if !a.Load {
		return nil
	}
	if a.Dst, err = parseTarget(w[4]); err != nil {
		return err
	}
	if a.Dst.Bits < 16 {
		return fmt.Errorf("%s: want room for a port's 16 bits, found %d bits", w[4], a.Dst.Bits)
	}
	return nil
}

// bundle carries out a bundle or bundle_load action.
func (x *xlate) bundle(a *Bundle) {
	var hash linkHash
	if a.Hash {
		var ok bool
		if hash, ok = x.hashBy(a.Fields, a.Basis, lots(len(a.Members))); !ok {
			return
		}
	}
	port := x.memberFor(a, hash)
	switch {
	case a.Load:
		value := [16]byte{14: byte(port >> 8), 15: byte(port)}
		x.load(a.Dst, &value)
		x.traceLoaded(a.Dst, value)
	case port == PortNone:
		x.because(action.NoBucket)
		x.trace(x.level(), "-> no live member")
	default:
		x.outputAction(port)
	}
}

// memberFor returns the member that a packet goes to, PortNone if all are down.
func (x *xlate) memberFor(a *Bundle, hash linkHash) uint32 {
	if !a.Hash {
		for _, port := range a.Members {
			if x.portUp(port) {
				return port
			}
		}
		return PortNone
	}
	i := highestWeight(hash, len(a.Members), func(i int) bool { return x.portUp(a.Members[i]) })
	if i < 0 {
		return PortNone
	}
	return a.Members[i]
}

// portUp reports whether a port is there and up.
func (x *xlate) portUp(number uint32) bool {
	x.v.Tags |= x.t.portTag(number)
	p := x.t.ports.byNumber[number]
	return p != nil && p.Up
}

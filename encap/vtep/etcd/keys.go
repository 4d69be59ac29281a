package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/plugin"
)

// keys says how things are called in etcd. Under the prefix are
//
//	7/mac/02:00:00:00:00:01   where a guest is
//	7/ip/10.0.0.1             where the guest with an address is, and its MAC
//	7/end/192.0.2.1           an end that has guests in VNI 7, so that what goes to all goes there
type keys struct{ prefix string }

// A value is what is kept under a key, as JSON.
type value struct {
	plugin.End
	MAC plugin.MAC `json:"mac,omitzero"` // of an ip key
}

// A place is a key taken apart.
type place struct {
	q   vtep.Question
	end netip.Addr // of an end key
}

var errKey = errors.New("not a key of this directory")

// of returns the key of a guest's MAC or address.
func (k keys) of(q vtep.Question) string {
	if q.Kind == vtep.ByIP {
		return fmt.Sprintf("%s%d/ip/%v", k.prefix, q.VNI, q.IP())
	}
	return fmt.Sprintf("%s%d/mac/%v", k.prefix, q.VNI, macText(q.MAC()))
}

// ofEnd returns the key of an end that has guests in a VNI.
func (k keys) ofEnd(vni uint32, end netip.Addr) string {
	return fmt.Sprintf("%s%d/end/%v", k.prefix, vni, end)
}

func macText(mac [6]byte) string {
	text, _ := plugin.MAC(mac).MarshalText() // never fails
	return string(text)
}

// parse takes a key apart. What a key is about has one spelling only.
func (k keys) parse(key string) (p place, err error) {
	if p, err = k.split(key); err != nil {
		return p, err
	}
	one := k.of(p.q)
	if p.end.IsValid() {
		one = k.ofEnd(p.q.VNI, p.end)
	}
	if key != one {
		return place{}, errKey
	}
	return p, nil
}

// split takes a key of any spelling apart.
func (k keys) split(key string) (p place, err error) {
	rest, ok := strings.CutPrefix(key, k.prefix)
	parts := strings.SplitN(rest, "/", 3)
	if !ok || len(parts) != 3 {
		return p, errKey
	}
	vni, err := strconv.ParseUint(parts[0], 10, 32)
	if err != nil {
		return p, errKey
	}
	switch parts[1] {
	case "mac":
		var mac plugin.MAC
		if mac.UnmarshalText([]byte(parts[2])) != nil || mac[0]&1 != 0 {
			return p, errKey
		}
		p.q = vtep.ForMAC(uint32(vni), mac)
		return p, nil
	case "ip", "end":
		addr, err := netip.ParseAddr(parts[2])
		if err != nil || addr.Zone() != "" {
			return p, errKey
		}
		if parts[1] == "ip" {
			p.q = vtep.ForIP(uint32(vni), addr)
			return p, nil
		}
		p.q, p.end = vtep.ForFlood(uint32(vni)), addr.Unmap()
		return p, nil
	}
	return p, errKey
}

// encode returns what is kept about a guest under the key of q.
func encode(q vtep.Question, g vtep.Guest) string {
	v := value{End: plugin.End{Addr: g.End.Addr, Port: g.End.Port}}
	if g.End.Key != g.VNI {
		v.Key = &g.End.Key
	}
	if q.Kind == vtep.ByIP {
		v.MAC = g.MAC
	}
	text, _ := json.Marshal(&v) // never fails
	return string(text)
}

// decode returns what is kept under a key, if it can be an answer.
func decode(p place, text []byte) (vtep.Answer, error) {
	var v value
	if err := json.Unmarshal(text, &v); err != nil {
		return vtep.Answer{}, err
	}
	end := vtep.End{Addr: v.Addr.Unmap(), Port: v.Port, Key: p.q.VNI}
	if v.End.Key != nil {
		end.Key = *v.End.Key
	}
	a := vtep.Answer{Ends: []vtep.End{end}}
	if p.q.Kind == vtep.ByIP {
		a.MAC = v.MAC
	}
	return a, a.Check(p.q)
}

// alike reports whether two values of a key are the same answer.
func (k keys) alike(key string, one, other []byte) bool {
	p, err := k.parse(key)
	if err != nil {
		return false
	}
	a, err := decode(p, one)
	if err != nil {
		return false
	}
	b, err := decode(p, other)
	return err == nil && a.Equal(&b)
}

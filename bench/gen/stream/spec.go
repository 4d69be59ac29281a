package stream

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Bounds of a Spec.
const (
	MaxFlows = 1 << 22
	maxVLAN  = 4094
	maxVNI   = 1<<24 - 1
)

// A Spec says what a stream's frames are. The zero value of each field picks the default named beside it.
type Spec struct {
	// Size is the size of the frames in bytes as they are counted on a wire, with the 4 bytes of the frame check
	// sequence, which frames in memory do not have: "64" (default), "imix", or sizes with weights, "64:7,594:4,1518:1".
	// Of a tunnel it is the size of the inner frames. What is too small for headers and stamp is as small as they let it.
	Size  string   `json:"size,omitempty"`
	Flows int      `json:"flows,omitempty"` // default 1
	Order string   `json:"order,omitempty"` // which flow is next: cyclic (default), random or zipf
	Skew  float64  `json:"skew,omitempty"`  // of zipf: flow n is chosen in proportion to 1/(n+1)^skew; default 1
	Seed  uint64   `json:"seed,omitempty"`  // of what is drawn at random
	Vary  []string `json:"vary,omitempty"`  // fields in which flows differ; default source-port, source-address

	Source      Endpoint `json:"source,omitzero"`      // default 02:00:00:00:00:01, 10.1.0.1 or fd00:1::1, port 1024
	Destination Endpoint `json:"destination,omitzero"` // default 02:00:00:00:00:02, 10.2.0.1 or fd00:2::1, port 7
	IPv6        bool     `json:"ipv6,omitempty"`       // by default, that is: addresses given say it themselves
	VLAN        int      `json:"vlan,omitempty"`       // 0: untagged
	Tunnel      *Tunnel  `json:"tunnel,omitempty"`     // around it
}

// An Endpoint is one end of a stream, or of a tunnel, in flow 0.
type Endpoint struct {
	MAC     string     `json:"mac,omitempty"`
	Address netip.Addr `json:"address,omitzero"`
	Port    uint16     `json:"port,omitempty"` // not of a tunnel
}

// A Tunnel is what is around frames.
type Tunnel struct {
	Type        string   `json:"type"` // vxlan or geneve
	VNI         uint32   `json:"vni,omitempty"`
	Source      Endpoint `json:"source,omitzero"`      // default 02:00:00:00:01:01, 192.0.2.1 or fd00:ff::1
	Destination Endpoint `json:"destination,omitzero"` // default 02:00:00:00:01:02, 192.0.2.2 or fd00:ff::2
	IPv6        bool     `json:"ipv6,omitempty"`       // as in Spec
	VLAN        int      `json:"vlan,omitempty"`       // of the outer frame
	// Checksum fills in the outer UDP checksum over IPv4. It is 0 by default, as RFC 7348 section 4.1 wants it; over
	// IPv6 it is always filled in.
	Checksum bool `json:"checksum,omitempty"`
}

// withDefaults fills in what is not given.
func (s Spec) withDefaults() Spec {
	if s.Size == "" {
		s.Size = "64"
	}
	if s.Flows == 0 {
		s.Flows = 1
	}
	if s.Order == "" {
		s.Order = cyclic
	}
	if s.Skew == 0 {
		s.Skew = 1
	}
	if len(s.Vary) == 0 {
		s.Vary = []string{"source-port", "source-address"}
	}
	six := s.IPv6 || s.Source.Address.Is6() || s.Destination.Address.Is6()
	s.Source = s.Source.or("02:00:00:00:00:01", either(six, "fd00:1::1", "10.1.0.1"), 1024)
	s.Destination = s.Destination.or("02:00:00:00:00:02", either(six, "fd00:2::1", "10.2.0.1"), 7) // echo (RFC 862)
	return s
}

// withDefaults fills in what is not given.
func (t Tunnel) withDefaults() Tunnel {
	six := t.IPv6 || t.Source.Address.Is6() || t.Destination.Address.Is6()
	t.Source = t.Source.or("02:00:00:00:01:01", either(six, "fd00:ff::1", "192.0.2.1"), 0)
	t.Destination = t.Destination.or("02:00:00:00:01:02", either(six, "fd00:ff::2", "192.0.2.2"), 0)
	t.Type = strings.ToLower(t.Type)
	return t
}

func either(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// or returns e with the given values where it has none.
func (e Endpoint) or(mac, address string, port uint16) Endpoint {
	if e.MAC == "" {
		e.MAC = mac
	}
	if !e.Address.IsValid() {
		e.Address = netip.MustParseAddr(address)
	}
	if e.Port == 0 {
		e.Port = port
	}
	return e
}

// checkTunnel reports what is wrong with a tunnel.
func (t Tunnel) check() error {
	var errs []error
	if _, ok := tunnels[t.Type]; !ok {
		errs = append(errs, fmt.Errorf("tunnel of type %q, want vxlan or geneve", t.Type))
	}
	if t.VNI > maxVNI {
		errs = append(errs, fmt.Errorf("VNI %d, want at most %d", t.VNI, maxVNI))
	}
	return errors.Join(append(errs, checkVLAN(t.VLAN), checkPair(t.Source, t.Destination))...)
}

func checkVLAN(id int) error {
	if id < 0 || id > maxVLAN {
		return fmt.Errorf("VLAN %d, want 0 to %d", id, maxVLAN)
	}
	return nil
}

// checkPair reports when two ends do not go together.
func checkPair(a, b Endpoint) error {
	if a.Address.Is4() != b.Address.Is4() || a.Address.Is4In6() || b.Address.Is4In6() || a.Address.Zone()+b.Address.Zone() != "" {
		return fmt.Errorf("addresses %v and %v, want two of IPv4 or two of IPv6", a.Address, b.Address)
	}
	return nil
}

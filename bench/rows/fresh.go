package rows

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/bench/gen/stream"
)

// fresh returns the bench's frames with so many flows that no trial before has had. Flows differ in what Spec.Vary says,
// by default in the source address alone: the rules have to look at it. Addresses begin anew after 2^24 flows.
func (b *Bench) fresh(flows int) (stream.Spec, error) {
	s := b.Spec
	if len(s.Vary) == 0 {
		s.Vary = []string{"source-address"}
	}
	if s.Order != "" && s.Order != "cyclic" {
		return s, fmt.Errorf("order %q, want cyclic: each frame is to be the first of its flow", s.Order)
	}
	s.Flows = flows
	base := b.used
	b.used = (b.used + uint32(flows)) % addresses
	s.Source.Address = moved(s.Source.Address, s, "10.0.0.0", "fd00:1::", base)
	if slices.Contains(s.Vary, "destination-address") {
		s.Destination.Address = moved(s.Destination.Address, s, "10.0.0.0", "fd00:2::", base)
	}
	var err error
	if slices.Contains(s.Vary, "source-mac") {
		if s.Source.MAC, err = movedMAC(s.Source.MAC, "02:10:00:00:00:00", base); err != nil {
			return s, err
		}
	}
	if slices.Contains(s.Vary, "destination-mac") {
		s.Destination.MAC, err = movedMAC(s.Destination.MAC, "02:20:00:00:00:00", base)
	}
	return s, err
}

// addresses is how many addresses one after the other a trial's flows are taken from: as many as the low three bytes have.
const addresses = 1 << 24

// moved returns an address by addresses farther on.
func moved(a netip.Addr, s stream.Spec, four, six string, by uint32) netip.Addr {
	if !a.IsValid() {
		a = netip.MustParseAddr(four)
		if s.IPv6 || s.Source.Address.Is6() || s.Destination.Address.Is6() {
			a = netip.MustParseAddr(six)
		}
	}
	bytes := a.AsSlice()
	low := bytes[len(bytes)-4:]
	v := binary.BigEndian.Uint32(low)
	binary.BigEndian.PutUint32(low, v&^(addresses-1)|(v+by)&(addresses-1))
	a, _ = netip.AddrFromSlice(bytes)
	return a
}

// movedMAC returns a MAC address by addresses farther on.
func movedMAC(text, otherwise string, by uint32) (string, error) {
	if text == "" {
		text = otherwise
	}
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 {
		return "", fmt.Errorf("MAC address %q, want one such as %s", text, otherwise)
	}
	low := mac[2:]
	v := binary.BigEndian.Uint32(low)
	binary.BigEndian.PutUint32(low, v&^(addresses-1)|(v+by)&(addresses-1))
	return mac.String(), nil
}

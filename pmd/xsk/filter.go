package xsk

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// An action is what the program does with a packet (linux include/uapi/linux/bpf.h, enum xdp_action).
type action int32

const (
	drop action = 1 // XDP_DROP
	pass action = 2 // XDP_PASS
)

// A filter says which packets are left to the host. The zero filter leaves none.
type filter struct {
	host       bool     // unicast to the device's own address
	etherTypes []uint16 // host byte order
	ports      []l4Port
}

// An l4Port is a transport protocol and a destination port.
type l4Port struct {
	proto uint8 // IANA protocol number
	port  uint16
}

// maxFilter bounds the length of the program.
const maxFilter = 64 // words

// parseFilter reads the value of OptPass.
func parseFilter(value string) (filter, error) {
	var f filter
	words := strings.Split(value, ",")
	if len(words) > maxFilter {
		return filter{}, fmt.Errorf("%d words: want %d at most", len(words), maxFilter)
	}
	for _, w := range words {
		if err := f.add(strings.TrimSpace(w), len(words) == 1); err != nil {
			return filter{}, err
		}
	}
	return f, nil
}

func (f *filter) add(word string, alone bool) error {
	types := map[string]uint16{
		"arp":   unix.ETH_P_ARP,
		"lldp":  unix.ETH_P_LLDP,
		"lacp":  unix.ETH_P_SLOW,
		"eapol": unix.ETH_P_PAE,
		"ptp":   unix.ETH_P_1588,
	}
	protos := map[string]uint8{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}
	if t, ok := types[word]; ok {
		f.etherTypes = append(f.etherTypes, t)
		return nil
	}
	name, port, _ := strings.Cut(word, ":")
	if proto, ok := protos[name]; ok {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("%q: want a port from 1 to 65535 behind %s:", word, name)
		}
		f.ports = append(f.ports, l4Port{proto, uint16(n)})
		return nil
	}
	switch {
	case word == "host":
		f.host = true
		return nil
	case word == "none" && alone:
		return nil
	case word == "none":
		return errors.New("none: want it alone")
	}
	return fmt.Errorf("%q: want none, host, arp, lldp, lacp, eapol, ptp, tcp:PORT or udp:PORT", word)
}

func (f filter) empty() bool { return !f.host && len(f.etherTypes) == 0 && len(f.ports) == 0 }

// String returns f in the words of OptPass.
func (f filter) String() string {
	if f.empty() {
		return "none"
	}
	names := map[uint16]string{
		unix.ETH_P_ARP: "arp", unix.ETH_P_LLDP: "lldp", unix.ETH_P_SLOW: "lacp",
		unix.ETH_P_PAE: "eapol", unix.ETH_P_1588: "ptp",
	}
	var words []string
	if f.host {
		words = append(words, "host")
	}
	for _, t := range f.etherTypes {
		words = append(words, names[t])
	}
	for _, p := range f.ports {
		name := "udp"
		if p.proto == unix.IPPROTO_TCP {
			name = "tcp"
		}
		words = append(words, fmt.Sprintf("%s:%d", name, p.port))
	}
	slices.Sort(words)
	return strings.Join(words, ",")
}

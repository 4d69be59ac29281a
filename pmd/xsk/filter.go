package xsk

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/pmd/option"
	"golang.org/x/sys/unix"
)

// An action is what the program does with a packet (linux include/uapi/linux/bpf.h, enum xdp_action).
type action int32

const (
	aborted action = 0 // XDP_ABORTED
	drop    action = 1 // XDP_DROP
	pass    action = 2 // XDP_PASS
)

// A filter says which packets are left to the host. The zero filter leaves none.
type filter struct {
	host       bool     // unicast to the device's own address
	etherTypes []uint16 // host byte order
	ports      []l4Port
	shared     bool   // all but what Port.Share names; nothing else is set
	words      string // as given
}

// An l4Port is a transport protocol and a destination port.
type l4Port struct {
	proto uint8 // IANA protocol number
	port  uint16
}

// maxFilter bounds the length of the program.
const maxFilter = 64 // words

// etherTypes names the protocols that OptPass knows by their EtherType.
func etherTypes() map[string]uint16 {
	return map[string]uint16{
		"arp":   unix.ETH_P_ARP,
		"lldp":  unix.ETH_P_LLDP,
		"lacp":  unix.ETH_P_SLOW,
		"eapol": unix.ETH_P_PAE,
		"ptp":   unix.ETH_P_1588,
	}
}

// parseFilter reads OptPass.
func parseFilter(s *option.Set) (f filter) {
	words := s.List(OptPass)
	if len(words) > maxFilter {
		s.Fail(OptPass, fmt.Sprintf("%d words at most", maxFilter))
		return filter{}
	}
	if len(words) == 1 && words[0] == "none" {
		return filter{}
	}
	if len(words) == 1 && words[0] == "shared" {
		return filter{shared: true, words: "shared"}
	}
	for _, w := range words {
		if !f.add(w) {
			s.Fail(OptPass, "none, shared, or a list of host, arp, lldp, lacp, eapol, ptp, tcp:PORT, udp:PORT")
			return filter{}
		}
	}
	f.words = strings.Join(words, ",")
	return f
}

func (f *filter) add(word string) bool {
	if word == "host" {
		f.host = true
		return true
	}
	if t, ok := etherTypes()[word]; ok {
		f.etherTypes = append(f.etherTypes, t)
		return true
	}
	name, port, _ := strings.Cut(word, ":")
	proto, ok := map[string]uint8{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}[name]
	n, err := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil {
		return false
	}
	f.ports = append(f.ports, l4Port{proto, uint16(n)})
	return true
}

func (f filter) empty() bool {
	return !f.shared && !f.host && len(f.etherTypes) == 0 && len(f.ports) == 0
}

// String returns f as it was given to OptPass.
func (f filter) String() string {
	if f.empty() {
		return "none"
	}
	return f.words
}

package underlay

import (
	"net/netip"
	"strings"
	"testing"
)

func TestWhatIsWrongWithAConfigurationIsSaid(t *testing.T) {
	if errs := func() []*ConfigError { c := onePort(); return c.Check() }(); len(errs) != 0 {
		t.Fatal(errs)
	}
	for want, spoil := range map[string]func(f *Interface){
		"port up: address: want an address, or kernel: true": func(f *Interface) { f.Addresses, f.Routes = nil, nil },
		"port up: address: want none with kernel: true, which takes the kernel's; port up: routes: want none with kernel: true, which takes the kernel's": func(f *Interface) { f.Kernel = true },
		"port up: address[1]: want the unicast address of a host, found 224.0.0.1": func(f *Interface) {
			f.Addresses = append(f.Addresses[:1], pre("224.0.0.1/24"))
			f.Routes = f.Routes[:1]
		},
		"port up: address[2]: want the address of a host, found 10.9.0.255/24, which is that of the network or of all hosts in it": func(f *Interface) { f.Addresses = append(f.Addresses, pre("10.9.0.255/24")) },
		"port up: address[2]: port up has 10.0.0.1":              func(f *Interface) { f.Addresses = append(f.Addresses, pre("10.0.0.1/16")) },
		"port up: routes[0]: via: want 1 to 16 routers, found 0": func(f *Interface) { f.Routes[0].Via = nil },
		"port up: routes[0]: to 10.1.0.0/16: want a router: the port has no address whose prefix it is in": func(f *Interface) {
			f.Routes[0] = Route{To: pre("10.1.0.0/16"), Mark: 5}
		},
		"port up: routes[0]: via fe80::fe: want an address of the prefix's family":                          func(f *Interface) { f.Routes[0].Via[0] = ip("fe80::fe") },
		"port up: routes[0]: via 10.1.0.1: the port has no address whose prefix it is in":                   func(f *Interface) { f.Routes[0].Via[0] = ip("10.1.0.1") },
		"port up: routes[0]: via 10.0.0.1: the port has no address whose prefix it is in":                   func(f *Interface) { f.Routes[0].Via[0] = ip("10.0.0.1") },
		"port up: routes[0]: via 10.0.0.254: want each router once":                                         func(f *Interface) { f.Routes[0].Via = []netip.Addr{ip("10.0.0.254"), ip("10.0.0.254")} },
		"port up: vlan: want a VLAN from 1 to 4094, found 4095":                                             func(f *Interface) { f.VLAN = 4095 },
		"port up: neighbours[0]: address 10.1.0.9: want that of a host in a prefix of the port's addresses": func(f *Interface) { f.Neighbours = []Neighbour{{ip("10.1.0.9"), mac(9)}} },
		"port up: neighbours[1]: address 10.0.0.9: want each host once":                                     func(f *Interface) { f.Neighbours = []Neighbour{{ip("10.0.0.9"), mac(9)}, {ip("10.0.0.9"), mac(8)}} },
		"port up: neighbours[0]: mac: want a unicast Ethernet address":                                      func(f *Interface) { f.Neighbours = []Neighbour{{ip("10.0.0.9"), [6]byte{1}}} },
		"port up: neighbours: want none with kernel: true, which takes the kernel's": func(f *Interface) {
			*f = Interface{Port: "up", Kernel: true, Neighbours: []Neighbour{{ip("10.0.0.9"), mac(9)}}}
		},
		"port up: mtu: want 1280 or more with these addresses, found 1000": func(f *Interface) { f.MTU = 1000 },
	} {
		c := onePort()
		spoil(&c.Interfaces[0])
		var got []string
		for _, e := range c.Check() {
			got = append(got, e.Error())
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := New(Options{Clock: func() int64 { return 0 }}).SetConfig(c); err == nil {
			t.Errorf("%s: taken", want)
		}
	}
}

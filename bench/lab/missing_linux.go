package lab

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A Lack is something that a laboratory with AF_XDP ports needs and this machine does not have.
type Lack struct {
	What string // "AF_XDP sockets"
	Why  string
}

func (l Lack) String() string { return l.What + ": " + l.Why }

// Missing returns everything that is missing, each by its name. It leaves nothing behind.
func Missing() []Lack {
	lacks := missingCapabilities()
	root := len(lacks) == 0
	lacks = append(lacks, missingAFXDP()...)
	if !root {
		return lacks // nothing below can be tried without
	}
	lacks = append(lacks, missingBPF()...)
	return append(lacks, missingVeth()...)
}

// capabilities(7), and what each is needed for here.
func missingCapabilities() []Lack {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return []Lack{{"capabilities", fmt.Sprintf("capget: %v", err)}}
	}
	has := func(c uint) bool { return data[c/32].Effective>>(c%32)&1 != 0 }
	var lacks []Lack
	for _, c := range []struct {
		bit       uint
		name, why string
	}{
		{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "network namespaces and BPF programs need it"},
		{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN", "links and XDP programs need it"},
		{unix.CAP_NET_RAW, "CAP_NET_RAW", "AF_XDP sockets and ping need it"},
	} {
		if !has(c.bit) {
			lacks = append(lacks, Lack{"root", "this process lacks " + c.name + "; " + c.why})
		}
	}
	return lacks
}

// missingAFXDP tells a kernel without AF_XDP from one that refuses this process, which is a matter of
// capabilities.
func missingAFXDP() []Lack {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	switch {
	case err == nil:
		unix.Close(fd)
		return nil
	case errors.Is(err, unix.EPERM):
		return nil
	case errors.Is(err, unix.EAFNOSUPPORT):
		return []Lack{{"AF_XDP sockets", "the kernel has none (CONFIG_XDP_SOCKETS, Linux 4.18)"}}
	}
	return []Lack{{"AF_XDP sockets", err.Error()}}
}

func missingBPF() []Lack {
	var lacks []Lack
	if err := features.HaveProgramType(ebpf.XDP); err != nil {
		lacks = append(lacks, Lack{"BPF programs of type XDP", err.Error()})
	}
	if err := features.HaveMapType(ebpf.XSKMap); err != nil {
		lacks = append(lacks, Lack{"BPF maps of type XSKMAP", err.Error()})
	}
	return lacks
}

func missingVeth() []Lack {
	n, err := NewNamespace("probe")
	if err != nil {
		return []Lack{{"network namespaces", err.Error()}}
	}
	defer n.Close()
	err = n.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "probe0"
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "probe1"})
	})
	if err != nil {
		return []Lack{{"veth pairs", err.Error()}}
	}
	return nil
}

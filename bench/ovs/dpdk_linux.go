package ovs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// DPDKDaemon is where Debian's package openvswitch-switch-dpdk has the switch.
const DPDKDaemon = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"

// MissingDPDK says what Open vSwitch with DPDK lacks on this machine, nil if nothing.
func MissingDPDK() error {
	if err := Missing(); err != nil {
		return err
	}
	if _, err := os.Stat(DPDKDaemon); err != nil {
		return fmt.Errorf("%w (package openvswitch-switch-dpdk)", err)
	}
	return nil
}

// DPDK says how the build with DPDK runs.
type DPDK struct {
	CPU    int // of the one thread that forwards
	Main   int // CPU of everything else
	Memory int // MiB of hugepages; 0 means 512
}

// Apply returns the options of an instance with DPDK. It takes hugepages without names, so nothing is left of them
// when it is killed, and no file system of them has to be mounted.
func (d DPDK) Apply(o Options) Options {
	if d.Memory == 0 {
		d.Memory = 512
	}
	o.Daemon = DPDKDaemon
	o.Config = append(o.Config, "dpdk-init=true", fmt.Sprintf("dpdk-socket-mem=%d", d.Memory),
		fmt.Sprintf("pmd-cpu-mask=%#x", 1<<d.CPU), fmt.Sprintf("dpdk-lcore-mask=%#x", 1<<d.Main),
		fmt.Sprintf(`dpdk-extra="--in-memory --no-pci --file-prefix=%s"`, filepath.Base(o.Dir)))
	return o
}

// A VhostPort is a vhost-user port of a bridge.
type VhostPort struct {
	Name   string
	Number uint32
	Socket string // path of the guest's socket, which the switch connects to again and again; "" makes it the server at VhostSocket
}

// VhostSocket is the path of the socket of a port that is the server.
func (i *Instance) VhostSocket(port string) string { return i.path(port) }

// AddVhostBridge makes a bridge of the userspace datapath that drops what no rule matches, with these ports.
func (i *Instance) AddVhostBridge(ctx context.Context, name string, ports []VhostPort) error {
	args := []string{"add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", "fail-mode=secure"}
	for _, p := range ports {
		args = append(args, "--", "add-port", name, p.Name, "--", "set", "Interface", p.Name, fmt.Sprintf("ofport_request=%d", p.Number))
		if p.Socket == "" {
			args = append(args, "type=dpdkvhostuser")
		} else {
			args = append(args, "type=dpdkvhostuserclient", "options:vhost-server-path="+p.Socket)
		}
	}
	if _, err := i.Vsctl(ctx, args...); err != nil {
		return err
	}
	for _, p := range ports {
		switch out, err := i.Vsctl(ctx, "get", "Interface", p.Name, "error"); {
		case err != nil:
			return err
		case strings.TrimSpace(out) != "[]":
			return fmt.Errorf("port %s: %s", p.Name, strings.TrimSpace(out))
		}
	}
	return nil
}

// PMDStats is what the forwarding thread has counted since PMDClear.
type PMDStats struct {
	Packets, EMCHits, SMCHits, MegaflowHits, SimpleHits, Misses uint64
	Cycles                                                      float64 // for a packet, by the switch's own count
}

// PMDClear sets the forwarding threads' counters to zero.
func (i *Instance) PMDClear() error {
	_, err := i.Appctl("dpif-netdev/pmd-stats-clear")
	return err
}

// PMDStats asks for the counters of the one forwarding thread.
func (i *Instance) PMDStats() (s PMDStats, err error) {
	text, err := i.Appctl("dpif-netdev/pmd-stats-show")
	if err != nil {
		return s, err
	}
	return parsePMDStats(text)
}

// parsePMDStats reads what dpif-netdev/pmd-stats-show says of the first thread with packets.
func parsePMDStats(text string) (s PMDStats, err error) {
	var errs []error
	number := func(label string) (n uint64) {
		n, err := strconv.ParseUint(value(text, label), 10, 64)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", label, err))
		}
		return n
	}
	s = PMDStats{
		Packets: number("packets received"), EMCHits: number("emc hits"), SMCHits: number("smc hits"),
		MegaflowHits: number("megaflow hits"), SimpleHits: number("simple match hits"), Misses: number("miss with success upcall"),
	}
	if v := value(text, "avg processing cycles per packet"); v != "" {
		number, _, _ := strings.Cut(v, " ")
		if s.Cycles, err = strconv.ParseFloat(number, 64); err != nil {
			errs = append(errs, err)
		}
	}
	return s, errors.Join(errs...)
}

// value returns what stands behind a label on its first line.
func value(text, label string) string {
	_, rest, _ := strings.Cut(text, "  "+label+": ")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

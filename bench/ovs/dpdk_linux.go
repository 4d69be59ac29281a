package ovs

import (
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

// PMDStats is what the forwarding thread has counted since PMDClear.
type PMDStats struct {
	Packets, EMCHits, SMCHits, MegaflowHits, SimpleHits, Misses uint64
	Cycles                                                      float64 // for a packet, by the switch's own count
	Masks                                                       string  // that a packet is looked up under until one fits, on average
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
		Masks: value(text, "avg. subtable lookups per megaflow hit"),
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

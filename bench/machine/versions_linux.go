package machine

import (
	"context"
	"os/exec"
	"regexp"
	"runtime"
	"time"

	"github.com/culvertdev/culvert/bench/ovs"
)

// programs are what can stand beside Culvert in a measurement: how each is asked for its version, and where the answer has it.
var programs = []struct {
	name    string
	command []string
	version *regexp.Regexp
}{
	{"Open vSwitch", []string{"ovs-vswitchd", "--version"}, regexp.MustCompile(`\(Open vSwitch\) (\S+)`)},
	{"DPDK", []string{ovs.DPDKDaemon, "--version"}, regexp.MustCompile(`DPDK (\S+)`)},
	{"QEMU", []string{"qemu-system-x86_64", "--version"}, regexp.MustCompile(`QEMU emulator version (\S+)`)},
	{"iperf3", []string{"iperf3", "--version"}, regexp.MustCompile(`iperf (\S+)`)},
}

// Versions returns the versions of Go and of those programs that are installed here, by name.
func Versions(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	found := map[string]string{"Go": runtime.Version()}
	for _, p := range programs {
		out, err := exec.CommandContext(ctx, p.command[0], p.command[1:]...).Output()
		if err != nil {
			continue // not installed
		}
		if m := p.version.FindSubmatch(out); m != nil {
			found[p.name] = string(m[1])
		}
	}
	return found
}

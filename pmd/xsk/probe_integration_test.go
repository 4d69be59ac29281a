//go:build integration

package xsk

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/culvertdev/culvert/pmd/netdev/nstest"
)

// unprivilegedEnv makes the test binary a process without rights that says what Probe says.
const unprivilegedEnv = "CULVERT_XSK_UNPRIVILEGED"

func TestProbeNamesWhatIsMissing(t *testing.T) {
	if os.Getenv(unprivilegedEnv) != "" {
		os.Stdout.WriteString(Probe().Error())
		os.Exit(0)
	}
	nstest.NeedNamespaces(t) // with rights, to be compared with their absence
	if err := Probe(); err != nil {
		t.Errorf("Probe as root: %v", err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestProbeNamesWhatIsMissing$")
	cmd.Env = append(os.Environ(), unprivilegedEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("run the test binary as another user: %v: %s", err, out)
	}
	for _, want := range []string{"open AF_XDP socket", "CAP_NET_RAW", "CAP_BPF"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("Probe without rights says %q, want it to name %q", out, want)
		}
	}
}

func TestOpenErrorsSayWhatIsWrong(t *testing.T) {
	w := newWorld(t, pair{})
	d := New(newTestPool(t, 8192), slog.New(slog.DiscardHandler))
	port := w.hosts[0].port
	// No subtests: they would run on other threads, in another namespace.
	for _, c := range []struct {
		name    string
		options map[string]string
		want    string
	}{
		{"no such device", map[string]string{OptDevice: "nothere"}, "find device nothere"},
		{"more queues than there are", map[string]string{OptQueues: "2"}, "option queues=2: want 1 at most"},
		{"zero-copy that the driver has not", map[string]string{OptCopy: "zero-copy"}, "bind queue 0"},
		{"an unknown option", map[string]string{"color": "red"}, "option color"},
	} {
		_, err := d.Open(context.Background(), port, c.options)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	p, err := d.Open(context.Background(), port, nil)
	if err != nil {
		t.Fatalf("one of them left something behind: %v", err)
	}
	must(t, p.Close())
}

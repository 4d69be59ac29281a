//go:build integration

package nstest

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// unprivileged makes the test binary a process without rights.
const unprivileged = "CULVERT_NSTEST_UNPRIVILEGED"

func TestWithoutTheRightATestIsSkippedAndWithItNot(t *testing.T) {
	NeedNamespaces(t)
	if os.Getenv(unprivileged) != "" {
		os.Stdout.WriteString("not skipped")
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), unprivileged+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- SKIP") || !strings.Contains(string(out), "CAP_SYS_ADMIN") {
		t.Errorf("without the right: %v, %s; want a skip that names it", err, out)
	}
}

func TestAToolThatIsNotThereSkipsTheTest(t *testing.T) {
	if path := NeedTool(t, "sh", "dash"); path == "" {
		t.Error("sh has no path")
	}
	skipped := false
	t.Run("missing", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		NeedTool(t, "no-such-tool-anywhere", "none")
	})
	if !skipped {
		t.Error("the test of a missing tool was not skipped")
	}
}

package machine

import (
	"os"
	"strings"
	"testing"
)

func TestTheThreadOfSoftInterruptsIsFound(t *testing.T) {
	if name, err := os.ReadFile("/proc/2/comm"); err != nil || strings.TrimSpace(string(name)) != "kthreadd" {
		t.Skipf("the kernel's threads are not to be seen here: process 2 is %q, %v", name, err)
	}
	pid, err := SoftThread(0)
	if err != nil || pid == 0 {
		t.Fatalf("got %d, %v", pid, err)
	}
	if spent, err := Threads(pid); err != nil || len(spent) != 1 {
		t.Errorf("what it spent is %v, %v; want that of one thread", spent, err)
	}
	if pid, err := SoftThread(1 << 20); pid != 0 || err != nil {
		t.Errorf("of a CPU that is not there: got %d, %v", pid, err)
	}
}

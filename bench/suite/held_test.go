package suite

import (
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// sleeper is a process that does nothing for long.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // likewise
	})
	return cmd
}

// awaitStanding waits until a process stands still, or runs.
func awaitStanding(t *testing.T, pid int, want bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		got, err := standsStill(pid)
		if err != nil {
			t.Fatal(err)
		}
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %d stands still: %v, want %v", pid, got, want)
		}
	}
}

func TestProcessesStandStillUntilTheyAreToGoOn(t *testing.T) {
	var h held
	a, b := sleeper(t), sleeper(t)
	for _, pid := range []int{a.Process.Pid, 0, b.Process.Pid} {
		if err := h.add(pid); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := h.stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*exec.Cmd{a, b} {
			if still, err := standsStill(c.Process.Pid); err != nil || !still {
				t.Errorf("a process runs that was stopped: %v", err)
			}
		}
		if err := h.proceed(); err != nil {
			t.Fatal(err)
		}
		awaitStanding(t, a.Process.Pid, false)
		awaitStanding(t, b.Process.Pid, false)
	}
}

func TestAProcessThatHasEndedCannotBeStopped(t *testing.T) {
	var h held
	c := sleeper(t)
	if err := h.add(c.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil {
		t.Fatal("it was killed, and says that it ended well")
	}
	if err := h.stop(t.Context()); err == nil {
		t.Error("a process was stopped that has ended")
	}
	if err := h.proceed(); err != nil {
		t.Errorf("one that has ended has nothing to go on with: %v", err)
	}
}

// A user's own switch, which nothing else would continue, goes on when whoever stopped it is gone.
func TestAGuardContinuesAProcess(t *testing.T) {
	c := sleeper(t)
	done, err := guard(c.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	awaitStanding(t, c.Process.Pid, true)
	if err := done(); err != nil {
		t.Error(err)
	}
	awaitStanding(t, c.Process.Pid, false)
}

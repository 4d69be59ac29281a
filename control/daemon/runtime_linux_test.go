package daemon

import (
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestTheRuntimeIsSetUpForWorkersUnlessTheEnvironmentSaysOtherwise(t *testing.T) {
	procs, percent, limit := runtime.GOMAXPROCS(0), debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() {
		runtime.GOMAXPROCS(procs)
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	for _, env := range []string{"GOGC", "GOMEMLIMIT", "GOMAXPROCS"} {
		t.Setenv(env, "")
	}
	workers := runtime.NumCPU() + 3
	tuneRuntime(workers, slog.New(slog.DiscardHandler))
	if got := runtime.GOMAXPROCS(0); got != workers+2 {
		t.Errorf("GOMAXPROCS = %d, want %d", got, workers+2)
	}
	if got := debug.SetGCPercent(100); got != 400 {
		t.Errorf("GC percent = %d, want 400", got)
	}
	if got := debug.SetMemoryLimit(math.MaxInt64); got < 1<<26 || got > 1<<50 {
		t.Errorf("memory limit = %d bytes, want a part of the host's memory", got)
	}

	t.Setenv("GOGC", "50")
	t.Setenv("GOMAXPROCS", "3")
	runtime.GOMAXPROCS(3)
	tuneRuntime(workers, slog.New(slog.DiscardHandler))
	if got := runtime.GOMAXPROCS(0); got != 3 {
		t.Errorf("GOMAXPROCS = %d, want the environment's 3", got)
	}
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("GC percent = %d, want what it was", got)
	}
}

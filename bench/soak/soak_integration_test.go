//go:build integration

package soak

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
)

// TestASoakOfSecondsEndsWell runs what `culvert soak` does, with the daemon built for it.
func TestASoakOfSecondsEndsWell(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	dir := t.TempDir()
	binary, report := filepath.Join(dir, "culvert"), filepath.Join(dir, "report.json")
	if err := daemon.Build(binary); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), Options{Out: t.Output(), Binary: binary, Time: 25 * time.Second, Seed: 1, Report: report}); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if r.Verdict != "all went well" || len(r.Steps) == 0 || len(r.Quiet) < 3 || len(r.Samples) == 0 || r.Traffic["TCP bytes"] == 0 {
		t.Errorf("report: verdict %q, %d kinds of steps, %d quiet moments, %d samples, %d bytes by TCP",
			r.Verdict, len(r.Steps), len(r.Quiet), len(r.Samples), r.Traffic["TCP bytes"])
	}
}

//go:build integration

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
)

// TestTheChain builds what takes part and has the story told: it is wrong when anything it claims is.
func TestTheChain(t *testing.T) {
	if lacks := lab.Missing(); len(lacks) > 0 {
		t.Skip(lacks[0])
	}
	dir := t.TempDir()
	build := func(name, path string) string {
		out := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-o", out, "github.com/culvertdev/culvert/"+path)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", path, err, text)
		}
		return out
	}
	bin := binaries{build("culvert", "cmd/culvert"), build("nat", "docs/examples/nat"), build("lb", "docs/examples/lb")}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := run(ctx, bin, 300*time.Millisecond); err != nil {
		t.Error(err)
	}
}

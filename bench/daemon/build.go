package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build compiles the daemon's program to a file. It needs Go, and the module's source around the working directory.
func Build(out string) error {
	cmd := exec.Command("go", "build", "-o", out, "github.com/culvertdev/culvert/cmd/culvert")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build culvert: %w\n%s", err, said)
	}
	return nil
}

// BuildPlugin compiles culvert-vtep-etcd, the look-up plug-in that is a module of its own, to a file. It needs the same.
func BuildPlugin(out string) error {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	cmd := exec.Command("go", "-C", filepath.Join(strings.TrimSpace(string(dir)), "encap/vtep/etcd"), "build", "-o", out, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the look-up plug-in: %w\n%s", err, said)
	}
	return nil
}

// WithProgram builds the program in a folder of its own, for the tests of a package, and removes the folder when run
// has ended. The folder's name is short, unlike those of package testing: the path of a Unix socket in it has to fit
// into 107 bytes. It returns what run does, a code for [os.Exit].
func WithProgram(run func(program string) (code int)) (code int) {
	dir, err := os.MkdirTemp("", "culvert-")
	if err == nil {
		defer os.RemoveAll(dir)
		program := filepath.Join(dir, "culvert")
		if err = Build(program); err == nil {
			return run(program)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

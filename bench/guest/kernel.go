package guest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

const qemu = "qemu-system-x86_64"

// Missing says what guests lack on this machine, nil if nothing.
func Missing() error {
	if _, err := exec.LookPath(qemu); err != nil {
		return fmt.Errorf("%w (package qemu-system-x86)", err)
	}
	_, err := kernel()
	return err
}

// A bootable is a kernel with the modules of its network device.
type bootable struct {
	image   string   // path
	modules []string // in the order in which they are loaded
	tunnels []string // those of tunnels and VLANs, loaded after these
}

// kernel finds what .ci/guest-kernel has fetched.
func kernel() (b bootable, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return b, err
	}
	dir := filepath.Join(cache, "culvert", "guest-kernel")
	b.image = filepath.Join(dir, "vmlinuz")
	if _, err := os.Stat(b.image); err != nil {
		return b, fmt.Errorf("a kernel for guests: %w (.ci/guest-kernel fetches it)", err)
	}
	if b.modules, err = filepath.Glob(filepath.Join(dir, "*.ko")); err == nil {
		b.tunnels, err = filepath.Glob(filepath.Join(dir, "tunnels", "*.ko"))
	}
	return b, err
}

// initProgram returns the guest's init program, which is built once.
var initProgram = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "culvert-guest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "init")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "github.com/culvertdev/culvert/bench/guest/agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the guest's init program: %w: %s", err, text)
	}
	return os.ReadFile(out)
})

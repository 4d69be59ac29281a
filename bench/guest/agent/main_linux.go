// Command agent is the init program of a guest: it loads the kernel's modules, and then does what it is told over
// the second serial line. Package guest builds it into the guest's first file system.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/culvertdev/culvert/bench/guest/inside"
	"golang.org/x/sys/unix"
)

func main() {
	err := run()
	fmt.Println("guest: ", err) // on the console, which errors of package guest end with
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func run() error {
	for _, m := range []struct{ kind, at string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	if err := load("/modules"); err != nil {
		return err
	}
	line, err := serial("/dev/ttyS1")
	if err != nil {
		return err
	}
	here := func(f func() error) error { return f() }
	fmt.Println(inside.Ready)
	return inside.New(here).Serve(line)
}

// load loads the modules of a folder in the order of their names.
func load(dir string) error {
	modules, err := filepath.Glob(filepath.Join(dir, "*.ko"))
	if err != nil {
		return err
	}
	slices.Sort(modules)
	for _, m := range modules {
		f, err := os.Open(m)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil {
			return fmt.Errorf("load %s: %w", filepath.Base(m), err)
		}
	}
	return nil
}

// serial opens a serial line for bytes as they are, as cfmakeraw(3) does.
func serial(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err == nil {
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB|unix.CBAUD) | unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		err = unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

package nstest

import (
	"errors"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// NeedNamespaces skips the test when the process may not make network namespaces, which is what root may. It
// tries, and looks up the right when that fails: a process that has the right and yet cannot is no reason
// to skip, the test fails.
func NeedNamespaces(t testing.TB) {
	t.Helper()
	err := inThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) })
	if err == nil {
		return
	}
	has, capErr := capable(unix.CAP_SYS_ADMIN)
	if capErr == nil && !has && errors.Is(err, unix.EPERM) {
		t.Skip("needs root: CAP_SYS_ADMIN, to make network namespaces")
	}
	t.Fatal("make a network namespace, with the right to: ", errors.Join(err, capErr))
}

// NeedTool skips the test when there is no such program, and names the Debian package that has it. A program
// that is there and cannot be run is no reason to skip: the test fails.
func NeedTool(t testing.TB, name, debian string) (path string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		t.Skipf("needs %s: package %s", name, debian)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// inThread runs f on a thread that ends with it, whatever f has done to it.
func inThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- f()
	}()
	return <-done
}

// capable reports whether the process has a capability in effect (capabilities(7)).
func capable(capability uint) (bool, error) {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // 32 capabilities each
	if err := unix.Capget(&head, &data[0]); err != nil {
		return false, err
	}
	return data[capability/32].Effective>>(capability%32)&1 != 0, nil
}

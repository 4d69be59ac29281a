package machine

import (
	"fmt"
	"runtime"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/unix"
)

// Describe says in one line what the machine is.
func Describe() string {
	kernel := "unknown kernel"
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		kernel = "Linux " + unix.ByteSliceToString(u.Release[:])
	}
	virtual := ""
	if cpuid.CPU.Supports(cpuid.HYPERVISOR) {
		virtual = ", in a virtual machine"
	}
	return fmt.Sprintf("%s, %d CPUs%s, %s, %s", cpuid.CPU.BrandName, runtime.NumCPU(), virtual, kernel, runtime.Version())
}

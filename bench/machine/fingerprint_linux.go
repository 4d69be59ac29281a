package machine

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/unix"
)

// A Fingerprint is what figures of a machine depend on. Compare two by Differences. It names neither the machine nor its
// owner, so that it can be shown to others.
type Fingerprint struct {
	CPU         string            `json:"cpu"` // model, as the CPU names itself
	CPUs        int               `json:"cpus"`
	CPUsPerCore int               `json:"cpus_per_core"`
	Nodes       int               `json:"numa_nodes"`
	Microcode   string            `json:"microcode,omitempty"`
	Platform    string            `json:"platform,omitempty"`   // vendor and model of machine and board; none where the firmware has no DMI, as in many virtual machines
	BIOS        string            `json:"bios,omitempty"`       // vendor, version and date; likewise
	Hypervisor  string            `json:"hypervisor,omitempty"` // none outside a virtual machine
	Governor    string            `json:"governor,omitempty"`   // of the CPU's frequency; none where that is not the machine's to say
	Idle        string            `json:"idle,omitempty"`       // driver of the CPU's sleep states; none where there is none
	Kernel      string            `json:"kernel"`
	System      string            `json:"system,omitempty"`          // distribution and its version
	Boot        []string          `json:"boot_parameters,omitempty"` // of the kernel, those about CPUs and memory
	Mitigations map[string]string `json:"mitigations,omitempty"`     // by vulnerability, in the kernel's words, those that concern this CPU
	Memory      int64             `json:"memory_bytes"`
	HugePages   string            `json:"transparent_hugepages,omitempty"`
}

// TakeFingerprint looks at this machine. What the kernel does not say is left empty.
func TakeFingerprint() Fingerprint {
	f := Fingerprint{
		CPU: strings.TrimSpace(cpuid.CPU.BrandName), CPUs: runtime.NumCPU(), CPUsPerCore: max(1, cpuid.CPU.ThreadsPerCore),
		Nodes: max(1, len(glob("/sys/devices/system/node/node[0-9]*"))), Microcode: field("/proc/cpuinfo", "microcode", ":"),
		Hypervisor: hypervisor(), Governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		Platform: told("/sys/class/dmi/id", "sys_vendor", "product_name", "board_vendor", "board_name"), BIOS: told("/sys/class/dmi/id", "bios_vendor", "bios_version", "bios_date"),
		Idle:   idle(line("/sys/devices/system/cpu/cpuidle/current_driver")),
		System: strings.Trim(field("/etc/os-release", "PRETTY_NAME", "="), `"`), Boot: bootParameters(line("/proc/cmdline")),
		Mitigations: mitigations("/sys/devices/system/cpu/vulnerabilities"), HugePages: chosen(line("/sys/kernel/mm/transparent_hugepage/enabled")),
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		f.Kernel = "Linux " + unix.ByteSliceToString(u.Release[:])
	}
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) == nil {
		f.Memory = int64(uint64(s.Totalram) * uint64(s.Unit))
	}
	return f
}

func hypervisor() string {
	if !cpuid.CPU.Supports(cpuid.HYPERVISOR) {
		return ""
	}
	if name := strings.TrimSpace(cpuid.CPU.HypervisorVendorString); name != "" {
		return name
	}
	return "unknown"
}

// idle returns a driver of sleep states, which the kernel calls "none" where there is none.
func idle(driver string) string {
	if driver == "none" {
		return ""
	}
	return driver
}

// aboutSpeed are the boot parameters that packet rates depend on, by the beginnings of their names
// (linux Documentation/admin-guide/kernel-parameters.rst). The others may say more about the owner than about the machine.
var aboutSpeed = []string{
	"cpuidle", "default_hugepagesz", "hugepages", "idle", "intel_idle", "intel_iommu", "intel_pstate", "amd_iommu", "amd_pstate", "iommu",
	"irqaffinity", "isolcpus", "kthread_cpus", "maxcpus", "mem=", "mitigations", "nmi_watchdog", "nohz", "nosmt", "nosoftlockup", "preempt",
	"processor.max_cstate", "rcu_nocb", "skew_tick", "spectre", "transparent_hugepage", "tsc", "x2apic",
}

func bootParameters(cmdline string) (list []string) {
	for p := range strings.FieldsSeq(cmdline) {
		if slices.ContainsFunc(aboutSpeed, func(t string) bool { return strings.HasPrefix(p, t) }) {
			list = append(list, p)
		}
	}
	return list
}

// mitigations reads what the kernel does about each vulnerability (sysfs-devices-system-cpu).
func mitigations(dir string) map[string]string {
	all := make(map[string]string)
	for _, path := range glob(filepath.Join(dir, "*")) {
		if s := line(path); s != "" && s != "Not affected" {
			all[filepath.Base(path)] = s
		}
	}
	return all
}

// told joins what some files of a folder say, each thing once: sysfs-class-dmi, of whose files those with serial numbers stay unread.
func told(dir string, names ...string) string {
	var list []string
	for _, name := range names {
		if s := line(filepath.Join(dir, name)); s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return strings.Join(list, ", ")
}

// chosen returns what a list such as "always [madvise] never" has in brackets.
func chosen(list string) string {
	_, rest, _ := strings.Cut(list, "[")
	word, _, _ := strings.Cut(rest, "]")
	return word
}

// line returns the first line of a file, "" if there is none.
func line(path string) string {
	text, _ := os.ReadFile(path)
	first, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(first)
}

// field returns what follows a name and a separator on a line of a file.
func field(path, name, separator string) string {
	text, _ := os.ReadFile(path)
	for l := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(l, separator); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func glob(pattern string) []string {
	paths, _ := filepath.Glob(pattern) // fails for a bad pattern alone
	return paths
}

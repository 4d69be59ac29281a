package machine

import (
	"fmt"
	"maps"
	"slices"
)

// Differences says in what two machines differ, one sentence each; none if figures of the two may be compared. Memory counts when
// one has a tenth more than the other: kernels keep a varying bit for themselves.
func (f Fingerprint) Differences(g Fingerprint) (list []string) {
	differ := func(what string, a, b any) {
		if a != b {
			list = append(list, fmt.Sprintf("%s: %v and %v", what, orNone(a), orNone(b)))
		}
	}
	differ("CPU", f.CPU, g.CPU)
	differ("CPUs", f.CPUs, g.CPUs)
	differ("CPUs per core", f.CPUsPerCore, g.CPUsPerCore)
	differ("NUMA nodes", f.Nodes, g.Nodes)
	differ("microcode", f.Microcode, g.Microcode)
	if f.BIOS != "" && g.BIOS != "" { // older runs have not asked
		differ("platform", f.Platform, g.Platform)
		differ("BIOS", f.BIOS, g.BIOS)
	}
	differ("hypervisor", f.Hypervisor, g.Hypervisor)
	differ("governor", f.Governor, g.Governor)
	differ("sleep states", f.Idle, g.Idle)
	differ("kernel", f.Kernel, g.Kernel)
	differ("boot parameters", fmt.Sprint(f.Boot), fmt.Sprint(g.Boot))
	differ("transparent hugepages", f.HugePages, g.HugePages)
	both := maps.Clone(f.Mitigations)
	if both == nil {
		both = make(map[string]string)
	}
	maps.Copy(both, g.Mitigations)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		differ("mitigation of "+name, f.Mitigations[name], g.Mitigations[name])
	}
	if small, large := min(f.Memory, g.Memory), max(f.Memory, g.Memory); large > small+small/10 {
		differ("memory", fmt.Sprintf("%d MiB", f.Memory>>20), fmt.Sprintf("%d MiB", g.Memory>>20))
	}
	return list
}

func orNone(v any) any {
	if v == "" {
		return "none"
	}
	return v
}

package daemon

import (
	"fmt"
	"log/slog"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/klauspost/cpuid/v2"
)

// describeProcessor logs what the workers run on, and warns when the configuration does not suit it.
func describeProcessor(emcEntries int, log *slog.Logger) {
	p := &cpuid.CPU
	log.Info("processor", "brand", p.BrandName, "cores", p.PhysicalCores, "threads", p.LogicalCores,
		"l2-bytes", p.Cache.L2, "l3-bytes", p.Cache.L3)
	if advice := emcAdvice(emcEntries, p.Cache.L2); advice != "" {
		log.Warn(advice)
	}
}

// emcAdvice says why an exact-match cache of so many entries is too large for a core whose second-level
// cache has l2 bytes; -1 when that is not known. A hit touches the entry's base block: where these do not
// fit, hits wait for the next level, which is slower than a megaflow look-up that does not.
func emcAdvice(entries, l2 int) string {
	if need := entries * flow.BlockSize; l2 > 0 && need > l2 {
		return fmt.Sprintf("caches.emc-entries: %d entries take %d bytes of keys, a core's second-level cache has %d: fewer may be faster",
			entries, need, l2)
	}
	return ""
}

//go:build !amd64 || purego

package cpu

// hasCounter: this build reads the monotonic clock instead of a cycle counter.
const hasCounter = false

func rdtsc() int64 { panic("cpu: no cycle counter in this build") }

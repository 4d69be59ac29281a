//go:build amd64 && !purego

package cpu

// hasCounter: this build can read a cycle counter.
const hasCounter = true

// rdtsc returns the time stamp counter (Intel SDM volume 3, 19.17).
//
//go:noescape
func rdtsc() int64

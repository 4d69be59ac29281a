package cpu

import (
	"fmt"
	"iter"
	"math/bits"
	"strconv"
	"strings"
)

// MaxCPUs is the number of CPUs a Set can name: what glibc and the Go runtime take for the most.
const MaxCPUs = 1024

// A Set is a set of CPU numbers below MaxCPUs. It is a value, comparable with ==; the zero value is
// empty.
type Set struct {
	words [MaxCPUs / 64]uint64
}

// SetOf returns the set of the given CPUs, which must be below MaxCPUs.
func SetOf(cpus ...int) Set {
	var s Set
	for _, c := range cpus {
		s.Add(c)
	}
	return s
}

// ParseSet reads a list of CPUs as the kernel writes it: "0-3,8,10-11". The empty string is the empty
// set. Surrounding white space does not matter.
func ParseSet(text string) (Set, error) {
	var s Set
	text = strings.TrimSpace(text)
	if text == "" {
		return s, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		first, err := parseCPU(lo)
		if err != nil {
			return Set{}, err
		}
		last := first
		if isRange {
			if last, err = parseCPU(hi); err != nil {
				return Set{}, err
			}
		}
		if last < first {
			return Set{}, fmt.Errorf("CPU range %q: the end is before the start", part)
		}
		for c := first; c <= last; c++ {
			s.Add(c)
		}
	}
	return s, nil
}

func parseCPU(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n >= MaxCPUs {
		return 0, fmt.Errorf("CPU %q: want a number from 0 to %d", text, MaxCPUs-1)
	}
	return int(n), nil
}

// Add puts c, which must be below MaxCPUs, into s.
func (s *Set) Add(c int) { s.words[c/64] |= 1 << (c % 64) }

// Remove takes c out of s.
func (s *Set) Remove(c int) { s.words[c/64] &^= 1 << (c % 64) }

// Has reports whether c is in s.
func (s Set) Has(c int) bool { return c >= 0 && c < MaxCPUs && s.words[c/64]>>(c%64)&1 != 0 }

// Len returns the number of CPUs in s.
func (s Set) Len() int {
	n := 0
	for _, w := range s.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// Empty reports whether s has no CPU.
func (s Set) Empty() bool { return s == Set{} }

// All returns the CPUs of s in ascending order.
func (s Set) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range s.words {
			for ; w != 0; w &= w - 1 {
				if !yield(i*64 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

// And returns the CPUs that are in both s and t.
func (s Set) And(t Set) Set {
	for i := range s.words {
		s.words[i] &= t.words[i]
	}
	return s
}

// Or returns the CPUs that are in s or t.
func (s Set) Or(t Set) Set {
	for i := range s.words {
		s.words[i] |= t.words[i]
	}
	return s
}

// Without returns the CPUs of s that are not in t.
func (s Set) Without(t Set) Set {
	for i := range s.words {
		s.words[i] &^= t.words[i]
	}
	return s
}

// String returns s as the kernel writes it: "0-3,8".
func (s Set) String() string {
	var b strings.Builder
	for c := 0; c < MaxCPUs; c++ {
		if !s.Has(c) {
			continue
		}
		first := c
		for s.Has(c + 1) {
			c++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(first))
		if c > first {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(c))
		}
	}
	return b.String()
}

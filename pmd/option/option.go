// Package option reads the options a driver is opened with: text pairs from a configuration file or a
// command line. It checks everything before it answers, so that whoever wrote the options sees all
// mistakes at once, each naming the option, what was expected and what was found.
//
// It is not a configuration language: files, defaults across ports and nesting are control's.
//
// Thread-safety: a Set belongs to one goroutine.
package option

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Set is the options given for one port. Each method that asks for an option makes it known; Err
// reports what was wrong with any of them and which given options nobody asked for.
type Set struct {
	given map[string]string
	known map[string]bool
	errs  []error
}

// Of returns the set of the given options. It keeps the map and does not change it.
func Of(given map[string]string) *Set {
	return &Set{given: given, known: make(map[string]bool)}
}

// Has reports whether the option was given.
func (s *Set) Has(name string) bool {
	_, ok := s.get(name)
	return ok
}

// String returns the option as it stands, or def when it was not given.
func (s *Set) String(name, def string) string {
	if v, ok := s.get(name); ok {
		return v
	}
	return def
}

// List returns the parts of a comma-separated option without the spaces around them; nil when it was
// not given.
func (s *Set) List(name string) []string {
	v, ok := s.get(name)
	if !ok {
		return nil
	}
	var parts []string
	for p := range strings.SplitSeq(v, ",") {
		if p = strings.TrimSpace(p); p != "" {
			parts = append(parts, p)
		}
	}
	return parts
}

// Choice returns the option, which must be one of choices; the first is the default.
func (s *Set) Choice(name string, choices ...string) string {
	v, ok := s.get(name)
	if !ok {
		return choices[0]
	}
	if !slices.Contains(choices, v) {
		s.bad(name, v, "one of "+strings.Join(choices, ", "))
		return choices[0]
	}
	return v
}

// Bool returns the option, which must be true or false.
func (s *Set) Bool(name string, def bool) bool {
	v, ok := s.get(name)
	if !ok {
		return def
	}
	switch v {
	case "true", "yes", "on", "1":
		return true
	case "false", "no", "off", "0":
		return false
	}
	s.bad(name, v, "true or false")
	return def
}

// Int returns the option, which must be a whole number from lo to hi.
func (s *Set) Int(name string, def, lo, hi int) int {
	v, ok := s.get(name)
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(v, 0, 0)
	if err != nil || int(n) < lo || int(n) > hi {
		s.bad(name, v, fmt.Sprintf("a whole number from %d to %d", lo, hi))
		return def
	}
	return int(n)
}

// Uint64 returns the option, which must be a whole number that fits.
func (s *Set) Uint64(name string, def uint64) uint64 {
	v, ok := s.get(name)
	if !ok {
		return def
	}
	n, err := strconv.ParseUint(v, 0, 64)
	if err != nil {
		s.bad(name, v, "a whole number of at most 64 bits")
		return def
	}
	return n
}

// Probability returns the option, which must be a number from 0 to 1.
func (s *Set) Probability(name string) float64 {
	v, ok := s.get(name)
	if !ok {
		return 0
	}
	p, err := strconv.ParseFloat(v, 64)
	if err != nil || math.IsNaN(p) || p < 0 || p > 1 {
		s.bad(name, v, "a probability from 0 to 1")
		return 0
	}
	return p
}

// Duration returns the option, which must be a time such as 50us or 2s, from 0 to hi.
func (s *Set) Duration(name string, def, hi time.Duration) time.Duration {
	v, ok := s.get(name)
	if !ok {
		return def
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 || d > hi {
		s.bad(name, v, fmt.Sprintf("a time from 0s to %s, such as 50us", hi))
		return def
	}
	return d
}

// MAC returns the option, which must be an Ethernet unicast address; nil when it was not given.
func (s *Set) MAC(name string) net.HardwareAddr {
	v, ok := s.get(name)
	if !ok {
		return nil
	}
	mac, err := net.ParseMAC(v)
	if err != nil || len(mac) != 6 || mac[0]&1 != 0 {
		s.bad(name, v, "a unicast Ethernet address such as 02:00:00:00:00:01")
		return nil
	}
	return mac
}

// Prefixes returns the option, which must be a comma-separated list of addresses with their prefix
// lengths, host bits kept; nil when it was not given.
func (s *Set) Prefixes(name string) []netip.Prefix {
	var list []netip.Prefix
	for _, v := range s.List(name) {
		p, err := netip.ParsePrefix(v)
		if err != nil {
			s.bad(name, v, "an address with its prefix length such as 192.0.2.1/24")
			continue
		}
		list = append(list, p)
	}
	return list
}

// Fail adds an error of the caller's own about an option, in the same form as the others.
func (s *Set) Fail(name, want string) {
	v, _ := s.get(name)
	s.bad(name, v, want)
}

// An Error is one thing that is wrong with an option.
type Error struct {
	Option  string // its name
	Problem string // "want ..., found ..."
}

// Error returns the error on one line.
func (e *Error) Error() string { return fmt.Sprintf("option %s: %s", e.Option, e.Problem) }

// Err returns all that was wrong with the options asked for, and an error for each option given that
// was not asked for, each an [*Error], joined. Call it after the last question.
func (s *Set) Err() error {
	errs := s.errs
	for _, name := range slices.Sorted(maps.Keys(s.given)) {
		if !s.known[name] {
			errs = append(errs, &Error{Option: name, Problem: "unknown; want one of " + strings.Join(slices.Sorted(maps.Keys(s.known)), ", ")})
		}
	}
	return errors.Join(errs...)
}

func (s *Set) get(name string) (v string, ok bool) {
	s.known[name] = true
	v, ok = s.given[name]
	return v, ok
}

func (s *Set) bad(name, found, want string) {
	s.errs = append(s.errs, &Error{Option: name, Problem: fmt.Sprintf("want %s, found %q", want, found)})
}

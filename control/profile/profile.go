// Package profile opens the profiles of overlays: it puts a look-up plug-in and an invalidation plug-in, each
// named with its options as a configuration has them, behind a vtep.Directory. The encapsulation that a
// profile joins them with is the tunnel port's.
package profile

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/pmd/option"
)

// A Plugin is one plug-in as a configuration names it.
type Plugin struct {
	Kind    string
	Options map[string]string
}

// A Config is a profile as a configuration has it.
type Config struct {
	Lookup       Plugin
	Invalidation Plugin        // Kind "": none
	FloodUnknown bool          // what is for nobody known goes to all; the look-up by learning does so always
	Life         time.Duration // as vtep.Options
	NegativeLife time.Duration // as vtep.Options
}

// A lookup reads the options of a look-up plug-in and says how to open it. self are this host's own ends.
type lookup func(o *option.Set, self []netip.Addr) func() (vtep.Resolver, error)

// An invalidation does so for an invalidation plug-in.
type invalidation func(o *option.Set, self []netip.Addr) func() (vtep.Invalidator, error)

// Check returns what is wrong with a profile, without opening it.
func Check(c Config) error {
	_, _, err := c.read(nil)
	return err
}

// Alone says whether the plug-ins need nobody outside of the process, but for a file.
func (c *Config) Alone() bool {
	return c.Invalidation.Kind == "" && (c.Lookup.Kind == "direct" || c.Lookup.Kind == "file" || c.Lookup.Kind == "learn")
}

// Lookups returns the kinds of look-up plug-ins there are, sorted.
func Lookups() []string { return slices.Sorted(maps.Keys(lookups)) }

// Invalidations returns the kinds of invalidation plug-ins there are, sorted.
func Invalidations() []string { return slices.Sorted(maps.Keys(invalidations)) }

// CheckLookup returns what is wrong with a look-up plug-in's options, an [option.Error] for each mistake, joined; nil
// for a kind that there is not.
func CheckLookup(p Plugin) error {
	set := option.Of(p.Options)
	if kind, ok := lookups[p.Kind]; ok {
		kind(set, nil)
		return set.Err()
	}
	return nil
}

// CheckInvalidation is CheckLookup of an invalidation plug-in.
func CheckInvalidation(p Plugin) error {
	set := option.Of(p.Options)
	if kind, ok := invalidations[p.Kind]; ok {
		kind(set, nil)
		return set.Err()
	}
	return nil
}

// Equal says whether c and o open the same.
func (c *Config) Equal(o *Config) bool {
	return c.Lookup.equal(&o.Lookup) && c.Invalidation.equal(&o.Invalidation) &&
		c.FloodUnknown == o.FloodUnknown && c.Life == o.Life && c.NegativeLife == o.NegativeLife
}

func (p *Plugin) equal(o *Plugin) bool { return p.Kind == o.Kind && maps.Equal(p.Options, o.Options) }

// Open opens a profile. o.Self are this host's own ends. Who closes the Directory closes the plug-ins.
func Open(c Config, o vtep.Options) (*vtep.Directory, error) {
	look, inv, err := c.read(o.Self)
	if err != nil {
		return nil, err
	}
	r, err := look()
	if err != nil {
		return nil, err
	}
	var i vtep.Invalidator
	if inv != nil {
		if i, err = inv(); err != nil {
			_ = r.Close()
			return nil, err
		}
	}
	o.FloodUnknown = c.FloodUnknown || c.Lookup.Kind == "learn"
	o.Life, o.NegativeLife = c.Life, c.NegativeLife
	return vtep.New(o, r, i)
}

// read reads the options of both plug-ins.
func (c *Config) read(self []netip.Addr) (look func() (vtep.Resolver, error), inv func() (vtep.Invalidator, error), err error) {
	kind, ok := lookups[c.Lookup.Kind]
	if !ok {
		return nil, nil, unknown("lookup", c.Lookup.Kind, Lookups())
	}
	set := option.Of(c.Lookup.Options)
	look = kind(set, self)
	if err := set.Err(); err != nil {
		return nil, nil, fmt.Errorf("lookup %s: %w", c.Lookup.Kind, err)
	}
	if c.Life < 0 || c.Life > vtep.MaxLife || c.NegativeLife < 0 || c.NegativeLife > vtep.MaxLife {
		return nil, nil, fmt.Errorf("want a life from 0s to %v, found %v and %v", vtep.MaxLife, c.Life, c.NegativeLife)
	}
	if c.Invalidation.Kind == "" {
		return look, nil, nil
	}
	other, ok := invalidations[c.Invalidation.Kind]
	if !ok {
		return nil, nil, unknown("invalidation", c.Invalidation.Kind, Invalidations())
	}
	set = option.Of(c.Invalidation.Options)
	inv = other(set, self)
	if err := set.Err(); err != nil {
		return nil, nil, fmt.Errorf("invalidation %s: %w", c.Invalidation.Kind, err)
	}
	return look, inv, nil
}

func unknown(what, found string, want []string) error {
	return fmt.Errorf("%s: want one of %s, found %q", what, strings.Join(want, ", "), found)
}

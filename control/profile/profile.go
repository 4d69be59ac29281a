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
		return nil, nil, unknown("lookup", c.Lookup.Kind, slices.Sorted(maps.Keys(lookups)))
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
		return nil, nil, unknown("invalidation", c.Invalidation.Kind, slices.Sorted(maps.Keys(invalidations)))
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

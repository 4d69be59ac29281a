package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/control/profile"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/vtep"
)

// profileList reads the profiles of overlays.
func (r *bridges) profileList(v value) []Profile {
	r.profiles = make(map[string]value)
	var list []Profile
	for _, e := range v.list("a list of profiles") {
		if m, ok := e.mapping("a profile: a mapping with name and lookup"); ok {
			list = append(list, r.profile(&m))
			m.finish()
		}
	}
	return list
}

func (r *bridges) profile(m *mapping) Profile {
	var p Profile
	m.require("name", "the profile's name")
	m.require("lookup", "who knows where guests are: a mapping with kind and options")
	m.get("name", func(v value) { r.name(v, &p.Name, r.profiles) })
	m.section("lookup", func(s *mapping) { p.Lookup = readPlugin(s, profile.Lookups(), profile.CheckLookup) })
	m.section("invalidation", func(s *mapping) {
		p.Invalidation = readPlugin(s, profile.Invalidations(), profile.CheckInvalidation)
	})
	m.get("suppress", func(v value) { v.boolean(&p.Suppress) })
	m.get("flood-unknown", func(v value) { v.boolean(&p.FloodUnknown) })
	m.get("life", func(v value) { v.duration(&p.Life, minAnswerLife, vtep.MaxLife) })
	m.get("negative-life", func(v value) { v.duration(&p.NegativeLife, minAnswerLife, vtep.MaxLife) })
	return p
}

// readPlugin reads one plug-in of a profile; check says what is wrong with its options.
func readPlugin(m *mapping, kinds []string, check func(profile.Plugin) error) profile.Plugin {
	p := profile.Plugin{Options: make(map[string]string)}
	m.require("kind", "one of "+strings.Join(kinds, ", "))
	m.get("kind", func(v value) {
		if i := v.choice(kinds...); i >= 0 {
			p.Kind = kinds[i]
		}
	})
	at := make(map[string]value)
	m.get("options", func(v value) { readOptions(v, p.Options, at) })
	if v, ok := m.given["kind"]; ok {
		reportOptions(check(p), at, v)
	}
	return p
}

// checkProfile reports a tunnel whose profile there is not. at is where the options of its port stand.
func (r *bridges) checkProfile(p *Port, at map[string]value) {
	v, ok := at["profile"]
	if _, err := encap.ParseType(p.Type); err != nil || !ok {
		return
	}
	name := p.Options["profile"]
	if _, known := r.profiles[name]; known {
		return
	}
	if len(r.profiles) == 0 {
		v.fail("want the name of a profile, of which there are none, found %q", brief(name))
		return
	}
	v.fail("want one of the profiles %s, found %q", strings.Join(slices.Sorted(maps.Keys(r.profiles)), ", "), brief(name))
}

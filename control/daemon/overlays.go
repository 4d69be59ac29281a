package daemon

import (
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/vtep"
)

// overlays are the profiles of a switch at work: whom its tunnels ask where guests are.
//
// Thread-safety: all methods may be called at the same time.
type overlays struct {
	set   *tunnel.Set
	clock func() int64
	// changed has follow called soon, and rule tables told that verdicts with one of the tags may be others.
	changed func(tags uint64)
	log     *slog.Logger
	// offline: nothing happens by itself, tick lets it, and plug-ins that talk to others are not opened.
	offline bool

	settling sync.Mutex // one settle at a time

	mu   sync.Mutex
	all  map[string]*overlay // by name
	own  []netip.Addr        // this host's ends that the configuration has
	self []netip.Addr        // all of them
	news uint64              // changes of all that, and of what guests say
}

func newOverlays(set *tunnel.Set, clock func() int64, changed func(tags uint64), log *slog.Logger) *overlays {
	return &overlays{set: set, clock: clock, changed: changed, log: log, all: make(map[string]*overlay)}
}

// settle makes the profiles those that c has; one that stays the same is not touched.
func (v *overlays) settle(c *config.Config) {
	v.settling.Lock()
	defer v.settling.Unlock()
	v.mu.Lock()
	v.own = ownOf(c)
	v.self = v.own
	old := maps.Clone(v.all)
	v.mu.Unlock()
	now := make(map[string]*overlay, len(c.Profiles))
	for _, p := range c.Profiles {
		was := old[p.Name]
		if was != nil && was.config.Config.Equal(&p.Config) {
			now[p.Name] = was.with(p)
			delete(old, p.Name)
			continue
		}
		now[p.Name] = &overlay{in: v, config: p, work: &work{guests: newGuests()}}
	}
	for _, gone := range old { // what they listen on may be what others want to listen on
		gone.end()
	}
	for _, o := range now {
		o.begin()
	}
	v.mu.Lock()
	v.all = now
	v.mu.Unlock()
	v.publish()
}

// ownOf returns the addresses that a configuration gives the underlay.
func ownOf(c *config.Config) (list []netip.Addr) {
	for _, f := range c.Underlay().Interfaces {
		for _, p := range f.Addresses {
			list = append(list, p.Addr())
		}
	}
	return list
}

// publish has tunnels ask the profiles there are.
func (v *overlays) publish() {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make(map[string]*tunnel.Profile, len(v.all))
	for name, o := range v.all {
		if d := o.directory(); d != nil {
			list[name] = o.profile(d)
		}
	}
	v.news++
	v.changed(v.set.SetProfiles(list))
}

// follow notes which addresses this host has, and returns what has changed in the profiles since the last call.
func (v *overlays) follow(own []underlay.Own) (changes []rules.Change) {
	v.mu.Lock()
	defer v.mu.Unlock()
	self := slices.Clone(v.own)
	for _, a := range own {
		if !slices.Contains(self, a.Addr) && !a.Addr.IsLinkLocalUnicast() {
			self = append(self, a.Addr)
		}
	}
	if !slices.Equal(v.self, self) {
		v.self = self
		v.news++
	}
	for _, o := range v.all {
		if d := o.directory(); d != nil {
			d.SetSelf(self)
			changes = o.changes(d, v.clock(), changes)
		}
	}
	return few(changes)
}

// ends returns this host's own ends, and a number that is another when they, the profiles, or what guests say are others.
func (v *overlays) ends() (self []netip.Addr, news uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, o := range v.all {
		if o.guests.hasNews() {
			v.news++
		}
	}
	return v.self, v.news
}

// answers counts how often a profile has learned something new; 0 if there is none of that name.
func (v *overlays) answers(profile string) uint64 {
	for _, o := range v.list() {
		if o.config.Name == profile {
			if dir := o.directory(); dir != nil {
				var c vtep.ChangeSet
				return dir.Changes(0, &c)
			}
		}
	}
	return 0
}

// firstEnd returns the address by which others reach this host: the first of IPv4, or of IPv6 if there is none.
func firstEnd(self []netip.Addr) (first netip.Addr) {
	for _, a := range self {
		if a.Is4() {
			return a
		}
		if !first.IsValid() && !a.IsLinkLocalUnicast() {
			first = a
		}
	}
	return first
}

// maxChanges is how many changes rule tables are told one by one: they remember some hundreds.
const maxChanges = 128

// few makes one of many changes, which concerns at least the same flows.
func few(list []rules.Change) []rules.Change {
	if len(list) <= maxChanges {
		return list
	}
	var all rules.Change
	for _, c := range list {
		all.Tag |= c.Tag
	}
	return append(list[:0], all)
}

// options returns what directories are opened with.
func (v *overlays) options() vtep.Options {
	v.mu.Lock()
	defer v.mu.Unlock()
	return vtep.Options{Clock: v.clock, Notify: func() { v.changed(0) }, Self: v.self}
}

// tick lets time pass for the profiles of an offline switch.
func (v *overlays) tick() {
	for _, o := range v.list() {
		if d := o.directory(); d != nil {
			d.Tick()
		}
	}
}

// list returns the profiles by name.
func (v *overlays) list() []*overlay {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]*overlay, 0, len(v.all))
	for _, name := range slices.Sorted(maps.Keys(v.all)) {
		list = append(list, v.all[name])
	}
	return list
}

// close ends all profiles.
func (v *overlays) close() {
	for _, o := range v.list() {
		o.end()
	}
}

package datapath

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// optionsOf returns which tunnel options are fields of packets that t decides about.
func optionsOf(t rules.Table) *flow.TLVMap {
	if u, ok := rules.As[rules.OptionMatcher](t); ok {
		return u.TunnelOptions()
	}
	return nil
}

// publishOptions has keys extracted as the tables want it. s.mu is held.
func (s *Switch) publishOptions(t *tables) {
	of := make(map[rules.Table]*flow.TLVMap, len(t.all))
	for _, table := range t.all {
		of[table] = optionsOf(table)
		t.options = append(t.options, of[table])
	}
	maps := make([]*flow.TLVMap, len(t.byPort))
	for id, table := range t.byPort {
		maps[id] = of[table]
	}
	s.options.Set(maps)
}

// followOptions has keys extracted as the tables want it by now. When it returns, no worker has keys of another
// time.
func (s *Switch) followOptions() {
	t, changed := s.tables.Load(), false
	for i, table := range t.all {
		changed = changed || optionsOf(table) != t.options[i]
	}
	if !changed {
		return
	}
	s.mu.Lock()
	s.publishTables()
	s.mu.Unlock()
	for i := range s.pipes {
		s.onWorker(i, func() {})
	}
}

// putTunnel gives f, which has room for them, the outer headers that key speaks of, if it does.
func putTunnel(pool *frame.Pool, f *frame.Frame, key *flow.Key, m *flow.TLVMap) {
	if key.PutTunnel(pool.Tunnel(*f), m) {
		f.SetFlags(f.Flags() | frame.HasTunnel)
	}
}

package openflow

// A Mod is a change of flows, as the argument of ovs-ofctl mod-flows says it.
type Mod struct {
	Filter    Filter
	Flow      Flow // its actions are what selected flows get; if there are none, the flow is added
	SetCookie bool // selected flows get its cookie, too
}

// ParseMod reads the argument of mod-flows: a match of flows, as in [Parser.ParseFilter], and what to
// change them to. An error is a [*SyntaxError].
func (p Parser) ParseMod(s string, strict bool) (Mod, error) {
	f, sp, err := p.parse(s)
	if err != nil {
		return Mod{}, err
	}
	filter := filterOf(&f, sp, strict)
	sp.cookieMask = 0 // it belongs to the filter
	if err := f.check(sp); err != nil {
		return Mod{}, err
	}
	return Mod{Filter: filter, Flow: f, SetCookie: sp.hasCookie}, nil
}

// ModFlows changes the actions of the flows that m selects and returns how many. Where it selects none,
// and by more than a cookie, the flow is added (ovs-ofctl(8), mod-flows).
func (t *Table) ModFlows(m Mod) (int, error) {
	if err := m.Flow.valid(); err != nil {
		return 0, err
	}
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.selected(&m.Filter)
	for _, r := range list {
		if err := (&Flow{Table: r.Table, Actions: m.Flow.Actions}).valid(); err != nil {
			return 0, err
		}
	}
	for _, r := range list {
		r.Actions, r.modified = m.Flow.Actions, now
		if m.SetCookie {
			r.Cookie = m.Flow.Cookie
		}
		t.ruleChanged(r)
	}
	if len(list) == 0 && m.Filter.CookieMask == 0 {
		t.add(&m.Flow, now)
		return 1, nil
	}
	return len(list), nil
}

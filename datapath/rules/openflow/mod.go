package openflow

// A Mod is a change of flows, as the argument of ovs-ofctl mod-flows says it.
type Mod struct {
	Filter Filter
	Flow   Flow // its actions are what selected flows get; if there are none, the flow is added
	// SetCookie: selected flows get its cookie, too. Without, they keep theirs, as from OpenFlow 1.1 on;
	// ovs-ofctl, which speaks 1.0 if it can, then makes it 0.
	SetCookie bool
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

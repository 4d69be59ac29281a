package daemon

import (
	"slices"
	"strings"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/datapath/rules"
)

// A portSetting is one of rules.PortFlags in the words of ovs-ofctl(8), mod-port.
type portSetting struct {
	flag    rules.PortFlags
	off, on string // the words that set the flag and clear it
}

func allPortSettings() []portSetting {
	return []portSetting{
		{rules.PortDown, "down", "up"},
		{rules.NoReceive, "no-receive", "receive"},
		{rules.NoForward, "no-forward", "forward"},
		{rules.NoFlood, "no-flood", "flood"},
	}
}

// portFlags returns the flags that words set and clear.
func portFlags(words []string) (set, clear rules.PortFlags, err error) {
	all := allPortSettings()
	var known []string
	for _, s := range all {
		known = append(known, s.on, s.off)
	}
	if len(words) == 0 {
		return 0, 0, api.Errorf(api.BadParams, "want one or more of %s", strings.Join(known, ", "))
	}
	for _, w := range words {
		i := slices.IndexFunc(all, func(s portSetting) bool { return w == s.on || w == s.off })
		switch {
		case i < 0:
			return 0, 0, api.Errorf(api.BadParams, "port setting %q: want one of %s", w, strings.Join(known, ", "))
		case w == all[i].off:
			set |= all[i].flag
		default:
			clear |= all[i].flag
		}
		if set&clear != 0 {
			return 0, 0, api.Errorf(api.BadParams, "port settings %s and %s: want one of them", all[i].on, all[i].off)
		}
	}
	return set, clear, nil
}

// portSettings returns the words of flags that are set.
func portSettings(flags rules.PortFlags) []string {
	var words []string
	for _, s := range allPortSettings() {
		if flags&s.flag != 0 {
			words = append(words, s.off)
		}
	}
	return words
}

package switches

import (
	"fmt"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/bench/contest"
)

// Choose returns the one of some switches that is asked for by name, all for "", with [contest.ErrCannot] if one of them cannot run here.
func Choose(name string, all ...Switch) ([]Switch, error) {
	var names []string
	for _, s := range all {
		names = append(names, s.Name())
	}
	if name != "" {
		i := slices.Index(names, name)
		if i < 0 {
			return nil, fmt.Errorf("switch %q: want %s", name, strings.Join(names, " or "))
		}
		all = all[i : i+1]
	}
	for _, s := range all {
		if err := s.Missing(); err != nil {
			return nil, fmt.Errorf("%w: %w", contest.ErrCannot, err)
		}
	}
	return all, nil
}

package switches

import (
	"context"
	"errors"
	"fmt"
)

// A Cacher is a running switch that says what it has cached, and takes changes of single rules.
type Cacher interface {
	Running
	// Cached says in the switch's own words how many flows are cached, how many masks packets are looked up under, and how many flows had no place.
	Cached(ctx context.Context) string
	// Flows returns how many flows are cached.
	Flows(ctx context.Context) (int, error)
	// Modify changes the actions of the rules that a line of ovs-ofctl(8)'s mod-flows names, and returns when the switch says that it has. Restart
	// knows nothing of it.
	Modify(ctx context.Context, line string) error
}

// StartCacher starts a switch that is to be a Cacher, and gives it rules.
func StartCacher(ctx context.Context, sw Switch, s Scene, rules []string) (Cacher, error) {
	r, err := sw.Start(ctx, s)
	if err != nil {
		return nil, err
	}
	c, ok := r.(Cacher)
	if !ok {
		err = fmt.Errorf("%s does not say what it has cached", sw.Name())
	} else {
		err = c.Forward(ctx, rules)
	}
	if err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return c, nil
}

package switches

import (
	"context"
	"fmt"

	"github.com/culvertdev/culvert/control/api"
)

func (r *runningCulvert) Cached(ctx context.Context) string {
	st, err := api.Call(ctx, r.Client(), api.GetStats, api.Nothing{})
	if err != nil || len(st.Ports) == 0 {
		return "unknown"
	}
	uncached := uint64(0)
	for _, c := range st.SlowPath {
		switch c.Name {
		case "deferred", "cache_full", "over_share":
			uncached += c.Value
		}
	}
	p := st.Ports[0]
	return fmt.Sprintf("%d masks, %d flows, %d not cached", p.Masks, p.Flows, uncached)
}

func (r *runningCulvert) Flows(ctx context.Context) (n int, err error) {
	st, err := api.Call(ctx, r.Client(), api.GetStats, api.Nothing{})
	for _, p := range st.Ports {
		n += p.Flows
	}
	return n, err
}

func (r *runningCulvert) Modify(ctx context.Context, line string) error {
	_, err := api.Call(ctx, r.Client(), api.FlowMod, api.FlowText{Bridge: bridge, Lines: []string{line}})
	return err
}

package switches

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

func (r *runningOVS) Cached(context.Context) string {
	var said [3]string
	for i, ask := range [][]string{{"dpctl/show"}, {"dpif-netdev/pmd-stats-show"}, {"coverage/read-counter", "upcall_flow_limit_hit"}} {
		text, err := r.Appctl(ask[0], ask[1:]...)
		if err != nil {
			return "unknown"
		}
		said[i] = text
	}
	return fmt.Sprintf("%s masks a hit, %s flows, %s not cached", after(said[1], "avg. subtable lookups per megaflow hit: "), after(said[0], "flows: "), strings.TrimSpace(said[2]))
}

func (r *runningOVS) Flows(context.Context) (int, error) {
	show, err := r.Appctl("dpctl/show")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(after(show, "flows: "))
}

func (r *runningOVS) Modify(ctx context.Context, line string) error {
	_, err := r.Ofctl(ctx, openflow, "mod-flows", bridge, line)
	return err
}

// after returns what stands behind a label on its first line, or "?".
func after(text, label string) string {
	if _, rest, ok := strings.Cut(text, label); ok {
		line, _, _ := strings.Cut(rest, "\n")
		return strings.TrimSpace(line)
	}
	return "?"
}

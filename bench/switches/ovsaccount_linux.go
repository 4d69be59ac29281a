package switches

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

func (r *runningOVS) Clear(context.Context) error { return r.PMDClear() }

// Account's shares are of look-ups: a packet that comes out of a tunnel has two.
func (r *runningOVS) Account(context.Context) (a Account, err error) {
	s, err := r.PMDStats()
	if err != nil {
		return a, err
	}
	all := float64(max(s.SimpleHits+s.EMCHits+s.SMCHits+s.MegaflowHits+s.Misses, 1))
	a.Shares = &Shares{Port: float64(s.SimpleHits) / all, Exact: float64(s.EMCHits) / all, Megaflow: float64(s.MegaflowHits) / all, New: float64(s.Misses) / all}
	a.Text = fmt.Sprintf("simple match %.1f %%, EMC %.1f %%, megaflow %.1f %% under %s masks each, rules %.1f %%",
		100*a.Shares.Port, 100*a.Shares.Exact, 100*a.Shares.Megaflow, s.Masks, 100*a.Shares.New)
	a.Cycles = s.Cycles
	return a, nil
}

// settings returns what the database says about how packets are handled: other_config, and the receive queues of ports.
func (r *runningOVS) settings(ctx context.Context) ([]string, error) {
	out, err := r.Vsctl(ctx, "get", "Open_vSwitch", ".", "other_config")
	if err != nil {
		return nil, err
	}
	list := []string{"other_config: " + withoutFiles(strings.TrimSpace(out))}
	for _, column := range []string{"options", "other_config"} {
		if out, err = r.Vsctl(ctx, "--columns=name,"+column, "--format=csv", "--no-headings", "list", "Interface"); err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			if line = withoutFiles(strings.TrimSpace(line)); line != "" && !strings.HasSuffix(line, "{}") {
				list = append(list, "interface "+column+": "+line)
			}
		}
	}
	if r.scene.MTU > 0 {
		list = append(list, fmt.Sprint("interface mtu_request: ", r.scene.MTU))
	}
	slices.Sort(list)
	return list, nil
}

// named are parts of settings that are otherwise in each run, such as the paths of sockets.
var named = regexp.MustCompile(`/[^ ,}"]*/|--file-prefix=[^ ,}"\\]*`)

func withoutFiles(s string) string { return named.ReplaceAllString(s, "") }

package storm

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/datapath/rules/openflow/classbench"
)

// together is how many changes a controller sends at once and then waits for.
const together = 500

// stock is how many rules are taken out and put back, over and over. Changes are large, and those of all rules would
// keep the collector busy with what is not the switch's.
const stock = 10_000

// betweenNetworks returns an access list of n rules between networks, none of which are the hosts'.
func betweenNetworks(n int) []string {
	var rules []string
	for _, r := range classbench.Kinds()[0].Rules(2*n, 1) {
		// Ones that are about anybody might be about the hosts.
		if strings.Contains(r, "nw_src=") && strings.Contains(r, "nw_dst=") && len(rules) < n {
			rules = append(rules, r)
		}
	}
	return rules
}

// A changer takes rules out of a table and puts them back.
type changer struct {
	sw      *datapath.Switch
	table   *openflow.Table
	changes []openflow.Change
	next    int
	made    uint64
	err     error
}

func newChanger(sw *datapath.Switch, table *openflow.Table) *changer {
	c := &changer{sw: sw, table: table}
	for _, f := range table.Flows(openflow.AllFlows()) {
		if f.Priority <= 200 { // what the hosts need
			continue
		}
		if len(c.changes) == 2*stock {
			break
		}
		out := openflow.Filter{Table: f.Table, Match: f.Match, Strict: true, Priority: f.Priority}
		c.changes = append(c.changes,
			openflow.Change{Op: openflow.OpDelete, Mod: openflow.Mod{Filter: out}},
			openflow.Change{Op: openflow.OpAdd, Mod: openflow.Mod{Flow: f.Flow}})
	}
	return c
}

// run makes changes at a rate, per second, for a time: each lot of them in one step, and then waits until no
// packet is handled by the rules before.
func (c *changer) run(ctx context.Context, rate float64, d time.Duration) {
	pace := pacer{rate: rate, start: time.Now()}
	for due := 0; ctx.Err() == nil && c.err == nil && time.Since(pace.start) < d; {
		if due += pace.due(time.Now()); due < together {
			time.Sleep(time.Millisecond)
			continue
		}
		due -= together
		if c.next+together > len(c.changes) {
			c.next = 0
		}
		if _, err := c.table.Apply(c.changes[c.next : c.next+together]); err != nil {
			c.err = fmt.Errorf("change rules: %w", err)
		}
		c.sw.Sync()
		c.next += together
		c.made += together
	}
}

// offerAmidChanges is offer while rules change at a rate, per second.
func (r *rig) offerAmidChanges(ctx context.Context, rate, changes float64, d time.Duration) (Phase, error) {
	c := newChanger(r.sw, r.table)
	runtime.GC() // what it took to make it is not for the switch to pay
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run(ctx, changes, d)
	}()
	p := r.offer(ctx, rate, 0, d)
	<-done
	p.Changed = c.made
	return p, c.err
}

package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/control/api"
)

// A churn changes the running switch and its links, step by step, and looks whether everybody is
// reached again after each. It is for one goroutine, but for count.
type churn struct {
	net    *network
	way    daemon.Control // a connection of its own: the samples do not wait for its calls
	r      *rand.Rand
	fails  *journal
	epochs *epochs

	now    variant
	mtu    []int // of each host's link, bytes
	queues []int // of each host's link
	tried  map[string]*Tried
	steps  atomic.Int64
}

// Tried is what became of one kind of step.
type Tried struct {
	Step    string  `json:"step"`
	Count   int     `json:"count"`
	Failed  int     `json:"failed"`
	Slowest float64 `json:"slowest"` // seconds from the end of a step until everybody was reached
	Total   float64 `json:"total"`   // of these seconds
}

// A step is one kind of change.
type step struct {
	name string
	// removes says that ports may be removed by it: then sums over ports cannot be compared.
	removes bool
	do      func(*churn, context.Context) (detail string, err error)
}

func steps() []step {
	return []step{
		{"port del and add", true, (*churn).portAgain},
		{"configuration", true, (*churn).configure},
		{"link down and up", false, (*churn).linkDown},
		{"host's link down and up", false, (*churn).hostLinkDown},
		{"veth removed and made anew", false, (*churn).reconnect},
		{"MTU", false, (*churn).changeMTU},
		{"queue count", true, (*churn).changeQueues},
		{"rules", false, (*churn).changeRules},
		{"rule that drops a host", false, (*churn).silence},
		{"FDB flush", false, (*churn).flush},
		{"configuration with errors", false, (*churn).misconfigure},
		{"look around", false, (*churn).look},
	}
}

func newChurn(n *network, seed uint64, fails *journal, e *epochs) *churn {
	c := &churn{
		net: n, r: rand.New(rand.NewPCG(seed, 0)), fails: fails, epochs: e,
		way:   daemon.Control{Socket: n.daemon.Socket, Binary: n.daemon.Binary},
		tried: make(map[string]*Tried),
	}
	for range n.lab.Hosts {
		c.mtu = append(c.mtu, 1500)
		c.queues = append(c.queues, maxQueues)
	}
	return c
}

// step tries one step. Without calm ports may be removed.
func (c *churn) step(ctx context.Context, calm bool) {
	all := steps()
	s := all[c.r.IntN(len(all))]
	for calm && s.removes {
		s = all[c.r.IntN(len(all))]
	}
	t := c.tried[s.name]
	if t == nil {
		t = &Tried{Step: s.name}
		c.tried[s.name] = t
	}
	c.steps.Add(1)
	t.Count++
	detail, err := s.do(c, ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		t.Failed++
		c.fails.add("%s (%s): %v", s.name, detail, err)
	}
	took, missing := c.reach(ctx)
	if ctx.Err() != nil {
		return
	}
	t.Total += took.Seconds()
	t.Slowest = max(t.Slowest, took.Seconds())
	if missing != nil {
		t.Failed++
		c.fails.add("%s (%s): %s after it, not reached: %s\n%s", s.name, detail, recovery, strings.Join(missing, ", "), c.evidence(ctx))
	}
}

// reach pings until every host is reached from host a, and a random other one from another, and returns
// how long that took, or after a time which pairs do not reach each other.
func (c *churn) reach(ctx context.Context) (took time.Duration, missing []string) {
	type pair struct{ from, to station }
	var pairs []pair
	st := c.net.stations
	for _, to := range st[1:] {
		pairs = append(pairs, pair{st[0], to})
	}
	i := 1 + c.r.IntN(len(st)-1)
	pairs = append(pairs, pair{st[i], st[1+i%(len(st)-1)]})
	v6 := c.r.IntN(3) == 0
	start := time.Now()
	for {
		pairs = slices.DeleteFunc(pairs, func(p pair) bool {
			to := p.to.v4
			if v6 {
				to = p.to.v6
			}
			return c.net.hears(ctx, p.from, to)
		})
		took = time.Since(start)
		if len(pairs) == 0 || ctx.Err() != nil {
			return took, nil
		}
		if took > recovery {
			for _, p := range pairs {
				missing = append(missing, fmt.Sprintf("%s from %s (IPv6: %v)", p.to.name, p.from.name, v6))
			}
			return took, missing
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// evidence is what somebody who looks for the cause wants to see.
func (c *churn) evidence(ctx context.Context) string {
	var b strings.Builder
	for _, args := range [][]string{{"port", "list"}, {"stats"}} {
		out, err := c.net.daemon.Command(ctx, args...)
		fmt.Fprintf(&b, "%s%s", out, errLine(err))
	}
	known, err := call(ctx, c, api.FDBShow, api.BridgeName{})
	b.WriteString(errLine(err))
	for _, e := range known {
		if strings.HasPrefix(e.MAC, labMACs) {
			fmt.Fprintf(&b, "%s %s VLAN %d %s, %.1f s ago\n", e.Bridge, e.Port, e.VLAN, e.MAC, e.AgeSeconds)
		}
	}
	b.Write(c.net.daemon.LogTail(3000))
	return b.String()
}

func errLine(err error) string {
	if err == nil {
		return ""
	}
	return err.Error() + "\n"
}

// restore brings everything back to how it was when the daemon started.
func (c *churn) restore(ctx context.Context) error {
	for i := range c.net.lab.Hosts {
		if err := c.setMTU(i, 1500); err != nil {
			return err
		}
		if i < queueHosts {
			if err := c.setQueues(i, maxQueues); err != nil {
				return err
			}
		}
	}
	return c.apply(ctx, plain)
}

// call asks the daemon over the churn's connection. The end of ctx does not break the connection.
func call[P, R any](ctx context.Context, c *churn, m api.Method[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiTimeout)
	defer cancel()
	return api.Call(ctx, c.way.Client(), m, params)
}

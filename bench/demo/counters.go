package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/story"
)

// A sum is what switch and hosts have counted.
type sum struct {
	daemon.Tally
	hosts []flow   // by the hosts themselves
	ports []flow   // by the switch, as the hosts see it: sent is what the port received or lost
	lost  []uint64 // by the ports: what reached them while the worker was off its CPU for too long
}

// A flow is what went between a host and the switch, in packets.
type flow struct{ sent, received uint64 }

// counters shows what was counted where, and that it adds up.
func counters(ctx context.Context, s *story.Story, n network) error {
	s.Begin("Counters that add up")
	c, err := settle(ctx, n)
	if err != nil {
		return err
	}
	s.Tell(portTable(c))
	s.Tell(levelTable(c.Tally))
	s.Check(c.looked() == c.Stats.Packets, "each packet received was answered by one level: %s", pair(c.looked(), c.Stats.Packets))
	for i, p := range people() {
		host, port := c.hosts[i], c.ports[i]
		s.Check(host == port, "%s itself sent what %s received or dropped (%s) and received what it sent (%s)",
			p.name, p.port, pair(host.sent, port.sent), pair(host.received, port.received))
	}
	return nil
}

func pair(a, b uint64) string {
	if a == b {
		return group(a)
	}
	return group(a) + " against " + group(b)
}

// looked returns how many look-ups there should have been.
func (c sum) looked() uint64 { return c.Sum("rx_packets") + c.Event("recirculated") }

// patient is how long the counters may take to add up after the last packet of the demo: the kernels of
// the hosts have something to say by themselves now and then, and on a busy machine a worker publishes
// what it has counted when it gets to run.
const patient = 5 * time.Second

// settle returns the counters when they add up, or as they are after a while.
func settle(ctx context.Context, n network) (c sum, err error) {
	for end := time.Now().Add(patient); ; {
		c, err = read(ctx, n)
		if err != nil || time.Now().After(end) || c.looked() == c.Stats.Packets && slices.Equal(c.hosts, c.ports) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return c, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func read(ctx context.Context, n network) (c sum, err error) {
	if c.Tally, err = n.control().Tally(ctx); err != nil {
		return c, err
	}
	for i, p := range people() {
		sent, received, err := n.counted(i)
		if err != nil {
			return c, err
		}
		c.hosts = append(c.hosts, flow{sent, received})
		port, _ := c.Port(p.port)
		lost := daemon.Value(port.Counters, "xsk_rx_dropped") + daemon.Value(port.Counters, "xsk_rx_ring_full")
		c.lost = append(c.lost, lost)
		c.ports = append(c.ports, flow{daemon.Value(port.Counters, "rx_packets") + lost, daemon.Value(port.Counters, "tx_packets")})
	}
	return c, nil
}

func portTable(c sum) string {
	return table(func(w *tabwriter.Writer) {
		fmt.Fprintln(w, "port\treceived\tsent\tdropped\thost\tsent\treceived\t")
		for i, p := range people() {
			port, _ := c.Port(p.port)
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", p.port, group(c.ports[i].sent-c.lost[i]), group(c.ports[i].received),
				group(daemon.Drops(port.Counters)), p.name, group(c.hosts[i].sent), group(c.hosts[i].received))
		}
	})
}

func levelTable(t daemon.Tally) string {
	return table(func(w *tabwriter.Writer) {
		fmt.Fprintln(w, "answered by\tpackets\tshare\t")
		for _, c := range t.Stats.Caches {
			fmt.Fprintf(w, "%s\t%s\t%.3f %%\t\n", c.Name, group(c.Value), 100*float64(c.Value)/float64(max(t.Stats.Packets, 1)))
		}
		fmt.Fprintf(w, "sum\t%s\t100 %%\t\n", group(t.Stats.Packets))
	})
}

// table aligns what fill writes in columns, to the right.
func table(fill func(*tabwriter.Writer)) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', tabwriter.AlignRight)
	fill(w)
	w.Flush()
	return strings.TrimRight(b.String(), "\n")
}

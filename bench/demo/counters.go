package demo

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
)

// A sum is what switch and hosts have counted.
type sum struct {
	daemon.Tally
	hosts []flow // by the hosts themselves
	ports []flow // by the switch, as the hosts see it: sent is what the port received
}

// A flow is what went between a host and the switch, in packets.
type flow struct{ sent, received uint64 }

func (f flow) since(base flow) flow { return flow{f.sent - base.sent, f.received - base.received} }

// counters shows what was counted where since base, and that it adds up. Before base a host may have sent
// packets that no port was there for.
func counters(ctx context.Context, s *story, n network, base sum) error {
	s.begin("Counters that add up")
	c, err := quiet(ctx, n)
	if err != nil {
		return err
	}
	for i := range people() {
		c.hosts[i], c.ports[i] = c.hosts[i].since(base.hosts[i]), c.ports[i].since(base.ports[i])
	}
	s.tell(portTable(c))
	s.tell(levelTable(c.Tally))
	in, again := c.Sum("rx_packets"), c.Event("recirculated")
	s.check(in+again == c.Stats.Packets, "each packet received was answered by one level: %s", pair(in+again, c.Stats.Packets))
	for i, p := range people() {
		host, port := c.hosts[i], c.ports[i]
		s.check(host == port, "%s itself sent what %s received (%s) and received what it sent (%s)",
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

// quiet returns the counters once they stand still. The kernels of the hosts have something to say by
// themselves now and then, and workers publish what they count a little later.
func quiet(ctx context.Context, n network) (c sum, err error) {
	for last := ""; ; {
		if c, err = read(ctx, n); err != nil {
			return c, err
		}
		now := fmt.Sprint(c.ports, c.Stats.Packets, c.hosts)
		if now == last {
			return c, nil
		}
		last = now
		select {
		case <-ctx.Done():
			return c, ctx.Err()
		case <-time.After(150 * time.Millisecond):
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
		c.ports = append(c.ports, flow{daemon.Value(port.Counters, "rx_packets"), daemon.Value(port.Counters, "tx_packets")})
	}
	return c, nil
}

func portTable(c sum) string {
	return table(func(w *tabwriter.Writer) {
		fmt.Fprintln(w, "port\treceived\tsent\tdropped\thost\tsent\treceived\t")
		for i, p := range people() {
			port, _ := c.Port(p.port)
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", p.port, group(c.ports[i].sent), group(c.ports[i].received),
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

package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/replay"
)

// errLied is a replay that found a cache to answer differently from the rules.
var errLied = errors.New("the caches and the rules disagree")

// violationsShown is how many packets that break a promise are printed: where one is, there are often thousands.
const violationsShown = 20

type replayCmd struct {
	Config string   `required:"" short:"c" help:"Configuration file; captures take the place of its ports' devices." placeholder:"FILE"`
	In     []string `required:"" sep:"none" help:"What a port receives: a capture (pcap or pcapng, gzip too). Several are merged by their time stamps, and among equal ones in the order given." placeholder:"PORT=CAPTURE"`
	Out    string   `help:"Directory for one capture, PORT.pcap, of each port that sent something; made if need be." placeholder:"DIR"`
	Verify bool     `help:"Check for every packet that the caches answered as the rules do, and that each new megaflow is right for other packets it covers; exit code 6 if not."`
}

func (c *replayCmd) Run(e *env) error {
	o := replay.Options{Out: c.Out, Verify: c.Verify}
	for _, in := range c.In {
		port, path, ok := strings.Cut(in, "=")
		if !ok || port == "" || path == "" {
			return usageError{fmt.Errorf("--in %s: want PORT=CAPTURE", in)}
		}
		o.In = append(o.In, replay.Input{Port: port, Path: path})
	}
	var err error
	if o.Config, err = config.Load(c.Config, drivers().Types()); err != nil {
		return err
	}
	lines := json.NewEncoder(e.out)
	lines.SetEscapeHTML(false)
	if e.json {
		o.Packet = func(p *replay.Packet) error { return lines.Encode(p) }
	}
	shown := 0
	o.Violation = func(v *replay.Violation) {
		if shown++; shown <= violationsShown {
			printViolation(e.errs, v)
		}
	}
	sum, err := replay.Run(e.ctx, o)
	if err != nil {
		return err
	}
	if !e.json {
		printSummary(e.out, sum)
	}
	if sum.Violations > 0 {
		return fmt.Errorf("%w: %d of %d look-ups", errLied, sum.Violations, sum.Checked)
	}
	return nil
}

func printViolation(w io.Writer, v *replay.Violation) {
	fmt.Fprintf(w, "packet %d (frame %d of port %s): %s\n", v.Number, v.Frame, v.In, v.What)
	fmt.Fprintf(w, "    answered by %s\n    megaflow    %s\n    caches      %s\n    rules       %s\n    flow        %s\n    packet      %s\n",
		v.Cache, v.Megaflow, v.Cached, v.Fresh, v.Key, hex.EncodeToString(v.Packet))
}

func printSummary(w io.Writer, s *replay.Summary) {
	fmt.Fprintf(w, "%d %s", s.Packets, plural(s.Packets, "packet", "packets"))
	if s.Cut > 0 {
		fmt.Fprintf(w, ", %d of them not captured to their end", s.Cut)
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "answered by:")
	for _, level := range [...]string{"emc", "megaflow", "slow"} {
		fmt.Fprintf(w, "    %-24s %d\n", level, s.Looks[level])
	}
	fmt.Fprintln(w, "sent:")
	for _, port := range slices.Sorted(maps.Keys(s.Sent)) {
		fmt.Fprintf(w, "    %-24s %d\n", port, s.Sent[port])
	}
	fmt.Fprintln(w, "dropped:")
	for _, reason := range slices.Sorted(maps.Keys(s.Drops)) {
		fmt.Fprintf(w, "    %-24s %d\n", reason, s.Drops[reason])
	}
	if s.Checked > 0 {
		fmt.Fprintf(w, "verified: %d %s, %d wrong\n", s.Checked, plural(s.Checked, "look-up", "look-ups"), s.Violations)
	}
}

package tunnels

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// traces asks both switches for the trace of a packet, and notes a difference in the rules that it meets or in the
// headers that it is to have.
func (b *Bench) traces(c *culvert, p Packet, r *Result) error {
	want, err := b.peer.trace(p)
	if err != nil {
		return err
	}
	got, err := c.trace(p)
	if err != nil {
		return err
	}
	if ours, theirs := essence(got), essence(want); !slices.Equal(ours, theirs) {
		r.Differences = append(r.Differences, fmt.Sprintf("trace of the packet by %s\nOpen vSwitch\n  %s\nCulvert\n  %s", p,
			strings.Join(theirs, "\n  "), strings.Join(ours, "\n  ")))
	}
	return nil
}

var (
	ruleLine = regexp.MustCompile(`^ *\d+\. .*priority \d+`)
	// header is what a tnl_push puts in front of a packet, less its size.
	header = regexp.MustCompile(`header\(size=\d+,(type=\d+,(?:[^()]|\([^()]*(?:\([^()]*\)[^()]*)*\))*)\)`)
	// other is what of a header the two have in other words: a VLAN tag, which Open vSwitch pushes apart, and what is inherited
	// from inside, which it has for each value.
	other = regexp.MustCompile(`,vlan\([^)]*\)|,(?:tos|tclass|ttl|hlimit)=\w+|,seq=\w+`)
)

// essence returns the rules of the scene's bridge that a trace has met, the headers that it pushes, and why it pushes none.
func essence(trace string) (list []string) {
	bridge := ""
	for line := range strings.Lines(trace) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "bridge("):
			bridge = line
		case bridge == `bridge("`+above+`")` && ruleLine.MatchString(line):
			list = append(list, line)
		case strings.HasPrefix(line, "Datapath actions: "):
			for _, m := range header.FindAllStringSubmatch(line, -1) {
				list = append(list, other.ReplaceAllString(m[1], ""))
			}
		}
	}
	return list
}

package testpmd

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ClearCycles begins anew what CyclesPerPacket tells.
func (t *Testpmd) ClearCycles(ctx context.Context) error {
	_, err := t.Run(ctx, "clear fwd stats all")
	return err
}

// CyclesPerPacket returns how many cycles of the time stamp counter the forwarding thread spent for each packet it received, in rounds that
// received some, since it began to forward or ClearCycles; 0 if there were none. It needs Options.Cycles.
func (t *Testpmd) CyclesPerPacket(ctx context.Context) (float64, error) {
	out, err := t.Run(ctx, "show fwd stats all")
	if err != nil {
		return 0, err
	}
	return parseCycles(out)
}

var perPacket = regexp.MustCompile(`CPU cycles/packet=(\d+\.\d+)`)

// parseCycles reads the output of "show fwd stats all".
func parseCycles(text string) (float64, error) {
	found := perPacket.FindStringSubmatch(text)
	if _, all, _ := strings.Cut(text, "Accumulated"); found == nil && strings.Contains(all, " RX-packets: 0 ") {
		return 0, nil
	}
	if found == nil {
		return 0, fmt.Errorf("testpmd: found no cycles in its statistics: %s", text)
	}
	return strconv.ParseFloat(found[1], 64)
}

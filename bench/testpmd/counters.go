package testpmd

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// Counters are what a port has counted since it was cleared.
type Counters struct {
	RxPackets, RxBytes, RxMissed, RxErrors, RxNoBuffer uint64
	TxPackets, TxBytes, TxErrors                       uint64
}

// Clear sets the counters of all ports to zero. While testpmd forwards, a batch's packets may be cleared without its bytes,
// or the other way round.
func (t *Testpmd) Clear(ctx context.Context) error {
	_, err := t.Run(ctx, "clear port stats all")
	return err
}

// Counters returns those of all ports, port i at index i.
func (t *Testpmd) Counters(ctx context.Context) ([]Counters, error) {
	out, err := t.Run(ctx, "show port stats all")
	if err != nil {
		return nil, err
	}
	return parseCounters(out)
}

var (
	portHead = regexp.MustCompile(`NIC statistics for port (\d+)`)
	counter  = regexp.MustCompile(`([RT]X-[a-z]+):\s+(\d+)`)
)

// parseCounters reads the output of "show port stats all".
func parseCounters(text string) ([]Counters, error) {
	heads := portHead.FindAllStringIndex(text, -1)
	if heads == nil {
		return nil, errors.New("testpmd: found no port in its statistics: " + text)
	}
	list := make([]Counters, len(heads))
	for i, h := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		found := counter.FindAllStringSubmatch(text[h[1]:end], -1)
		if len(found) < 8 {
			return nil, fmt.Errorf("testpmd: want 8 counters of port %d, found %d: %s", i, len(found), text)
		}
		for _, f := range found {
			n, err := strconv.ParseUint(f[2], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("testpmd: %s: %w", f[0], err)
			}
			list[i].set(f[1], n)
		}
	}
	return list, nil
}

func (c *Counters) set(name string, n uint64) {
	switch name {
	case "RX-packets":
		c.RxPackets = n
	case "RX-bytes":
		c.RxBytes = n
	case "RX-missed":
		c.RxMissed = n
	case "RX-errors":
		c.RxErrors = n
	case "RX-nombuf":
		c.RxNoBuffer = n
	case "TX-packets":
		c.TxPackets = n
	case "TX-bytes":
		c.TxBytes = n
	case "TX-errors":
		c.TxErrors = n
	}
}

// Received returns how many packets all ports together have received.
func Received(list []Counters) (n uint64) {
	for _, c := range list {
		n += c.RxPackets
	}
	return n
}

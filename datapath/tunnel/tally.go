package tunnel

import (
	"sync/atomic"

	"github.com/culvertdev/culvert/ring/counter"
)

// A tally counts the answers that a tunnel gives in place of others.
type tally struct {
	told, hushed, answered atomic.Uint64
}

// samples appends the counters to dst.
func (t *tally) samples(dst []counter.Sample) []counter.Sample {
	return append(dst,
		counter.Sample{Desc: counter.Desc{Name: "tunnel_icmp_error", Help: "ICMP messages that told senders that their packets are too long for the tunnel."}, Value: t.told.Load()},
		counter.Sample{Desc: counter.Desc{Name: "tunnel_icmp_error_rate", Help: "Such messages that were not sent since there were more than 100 in a second."}, Value: t.hushed.Load()},
		counter.Sample{Desc: counter.Desc{Name: "tunnel_suppressed", Help: "ARP requests and neighbour solicitations that were answered here and not sent into the tunnel."}, Value: t.answered.Load()},
	)
}

package vnf

import (
	"context"
	"errors"
	"runtime"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// A Verdict says what becomes of a packet in a function of two ports.
type Verdict uint8

// Verdicts.
const (
	Drop   Verdict = iota // it ends here
	Pass                  // it leaves by the other port
	Return                // it leaves by the port it came in by
)

// A Side is one of the two ports.
type Side uint8

// Sides.
const (
	Left Side = iota
	Right
)

// Between runs a function of two ports, called left and right, until ctx ends. handle looks at one packet at a time, may
// change its bytes (see [VNF.Bytes]), and says what becomes of it. The paths are those of the ports' sockets, on which
// they listen. It is for whole programs, and raises GOMAXPROCS to the 3 that [VNF.Run] needs.
func Between(ctx context.Context, o Options, left, right string, handle func(pkt []byte, from Side) Verdict) (err error) {
	if runtime.GOMAXPROCS(0) < 3 {
		runtime.GOMAXPROCS(3)
	}
	v, err := New(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	var ports [2]*Port
	for side, path := range []string{Left: left, Right: right} {
		if ports[side], err = v.Open([]string{"left", "right"}[side], frontend.Options{Path: path}); err != nil {
			return err
		}
	}
	return v.Run(ctx, func(from *Port, frames []frame.Frame) {
		side, other := Left, ports[Right]
		if from == ports[Right] {
			side, other = Right, ports[Left]
		}
		for _, f := range frames {
			switch handle(v.Bytes(f), side) {
			case Pass:
				other.Send(f)
			case Return:
				from.Send(f)
			default:
				v.Drop(f)
			}
		}
	})
}

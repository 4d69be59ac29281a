package svp

import "github.com/culvertdev/culvert/ring/counter"

// A tally counts what a pool goes through. It is under the pool's lock.
type tally struct {
	connected, late, wrong uint64
}

func event(name, help string, n uint64) counter.Sample {
	return counter.Sample{Desc: counter.Desc{Name: name, Help: help, Kind: counter.Event}, Value: n}
}

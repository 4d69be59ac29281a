package reval

import "github.com/culvertdev/culvert/ring/counter"

// What the revalidator counts.
const (
	Walks = iota
	Idle
	Kept
	Updated
	Removed
	MaskGone
)

func counters() []counter.Desc {
	return []counter.Desc{
		Walks:    {Name: "walks", Help: "Walks over the flow cache."},
		Idle:     {Name: "idle", Help: "Flows removed because nothing used them."},
		Kept:     {Name: "kept", Help: "Flows looked up again after a change and kept."},
		Updated:  {Name: "updated", Help: "Flows whose actions were replaced in place, of those kept."},
		MaskGone: {Name: "mask_gone", Help: "Flows removed because many more flows of their port asked for another mask."},
		Removed:  {Name: "removed", Help: "Flows removed because their port has gone, or the rules now say something else for part of their packets."},
	}
}

//go:build !purego && !race

package encap

import "github.com/culvertdev/culvert/ring/frame"

// pushesUsual says whether pushUsual pushes anything.
const pushesUsual = true

// pushUsual puts t in front of those of n frames, at most 64 and in arena, that are as usual says, and returns a bit for each. l3 and l4 are
// where the headers of each begin.
//
//go:noescape
func pushUsual(frames *frame.Frame, n int, l3, l4 *uint16, arena *byte, t *usual) (done uint64)

package faulty

import "math/rand/v2"

// dice are one queue's sequence of random numbers.
type dice struct{ *rand.PCG }

// newDice returns the sequence of a stream: each queue and direction has its own, so that what one
// draws does not depend on when another is called.
func newDice(seed, stream uint64) dice { return dice{rand.NewPCG(seed, stream)} }

// hit reports true with probability p. It draws also when p is 0, so that changing one fault's
// probability does not move the others.
func (d dice) hit(p float64) bool {
	return float64(d.Uint64()>>11)*0x1p-53 < p
}

// below returns a number from 0 to n-1; 0 when n is below 1.
func (d dice) below(n int) int {
	if n < 1 {
		return 0
	}
	return int(d.Uint64() % uint64(n)) // n is small: the bias does not matter
}

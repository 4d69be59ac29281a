package stream

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Sizes of frames in bytes, with frame check sequence.
const (
	checkSequence = 4
	minSize       = 64
	MaxSize       = 65535
)

// imix is the simple mixture of sizes as testers of networks have it: IP packets of 40, 576 and 1500 bytes, 7 to 4 to
// 1 (RFC 6985 gives the idea a form).
const imix = "64:7,594:4,1518:1"

// maxSizes bounds how many sizes a mixture has, maxWeight their weights.
const (
	maxSizes  = 32
	maxWeight = 1000
)

// A share is one size of a mixture.
type share struct {
	size   int // bytes in memory, without frame check sequence
	weight int
}

// parseSizes reads a mixture.
func parseSizes(text string) (mix []share, err error) {
	if text == "imix" {
		text = imix
	}
	for part := range strings.SplitSeq(text, ",") {
		size, weight, weighted := strings.Cut(part, ":")
		s := share{weight: 1}
		if s.size, err = strconv.Atoi(size); err != nil || s.size < minSize || s.size > MaxSize {
			return nil, fmt.Errorf("size %q, want imix or numbers from %d to %d with weights, such as 64:7,1518:1", text, minSize, MaxSize)
		}
		s.size -= checkSequence
		if weighted {
			if s.weight, err = strconv.Atoi(weight); err != nil || s.weight < 1 || s.weight > maxWeight {
				return nil, fmt.Errorf("size %q: weight %q, want 1 to %d", text, weight, maxWeight)
			}
		}
		mix = append(mix, s)
	}
	if len(mix) > maxSizes {
		return nil, fmt.Errorf("%d sizes, want at most %d", len(mix), maxSizes)
	}
	return mix, nil
}

// lot is about how many frames' sizes are drawn beforehand: enough for no pattern to be seen, and few enough to stay
// in the first level cache.
const lot = 4096

// drawSizes returns indices of mix in a random order, each as often as its weight says.
func drawSizes(mix []share, r *rand.Rand) []uint8 {
	var round []uint8
	for i, s := range mix {
		for range s.weight {
			round = append(round, uint8(i))
		}
	}
	if len(mix) == 1 {
		return round[:1]
	}
	var all []uint8
	for len(all) == 0 || len(all)+len(round) <= lot {
		all = append(all, round...)
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

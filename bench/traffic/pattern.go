package traffic

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
)

// ErrDamaged is returned when a stream arrived, but not as it was sent. Whoever only breaks a connection
// off does not cause it.
var ErrDamaged = errors.New("damaged")

// A stream's byte at position i is that of the pattern at i modulo period. A prime period shares no
// factor with segment sizes or buffers, so a piece lost, repeated or out of place does not fit.
const (
	period = 65521
	chunk  = 256 << 10 // bytes: most that are written or checked at once
)

// pattern is long enough for a chunk to start anywhere in a period. It is never changed.
var pattern = makePattern()

func makePattern() []byte {
	r := rand.NewChaCha8([32]byte{'c', 'u', 'l', 'v', 'e', 'r', 't'})
	p := make([]byte, period+chunk)
	r.Read(p[:period])
	for n := period; n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
	return p
}

// piece returns the n bytes of a stream at pos; n is at most chunk.
func piece(pos uint64, n int) []byte {
	at := int(pos % period)
	return pattern[at : at+n]
}

// check compares what was received with what a stream has at pos.
func check(got []byte, pos uint64) error {
	want := piece(pos, len(got))
	if bytes.Equal(got, want) {
		return nil
	}
	for i := range got {
		if got[i] != want[i] {
			pos += uint64(i)
			return fmt.Errorf("%w: byte %d of the stream: want %#02x, got %#02x", ErrDamaged, pos, want[i], got[i])
		}
	}
	return nil
}

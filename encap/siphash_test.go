package encap

import "testing"

// TestSipHashIsThatOfItsAuthors: their test vectors of 0, 8 and 16 bytes, with the key 00 01 ... 0f.
func TestSipHashIsThatOfItsAuthors(t *testing.T) {
	k := sipKey{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	for _, c := range []struct {
		words []uint64
		want  uint64
	}{
		{nil, 0x726fdb47dd0e0e31},
		{[]uint64{0x0706050403020100}, 0x93f5f5799a932462},
		{[]uint64{0x0706050403020100, 0x0f0e0d0c0b0a0908}, 0x3f2acc7f57c29bdb},
	} {
		if got := k.hash(c.words...); got != c.want {
			t.Errorf("%d bytes: %#x, want %#x", 8*len(c.words), got, c.want)
		}
	}
}

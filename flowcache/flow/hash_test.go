package flow

import (
	"math/bits"
	"math/rand/v2"
	"testing"
)

// randomBlock returns a block of random bytes, every third of them zero as in real keys and masks.
func randomBlock(rnd *rand.Rand) (b Block) {
	for i := range b {
		if rnd.IntN(3) > 0 {
			b[i] = byte(rnd.Uint32())
		}
	}
	return b
}

// naiveAnd masks byte by byte.
func naiveAnd(a, m Block) Block {
	for i := range a {
		a[i] &= m[i]
	}
	return a
}

func TestMaskedHashIsTheHashOfTheMaskedBlock(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	seed := FixedSeed(1)
	for range 1000 {
		b, m, h := randomBlock(rnd), randomBlock(rnd), rnd.Uint64()
		masked := naiveAnd(b, m)
		if got, want := HashMaskedBlock(h, &b, &m, &seed), HashBlock(h, &masked, &seed); got != want {
			t.Fatalf("masked hash %#x, want %#x", got, want)
		}
	}
}

func TestEqualMaskedSeesEveryBitOfTheMaskAndNoOther(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		b, m := randomBlock(rnd), randomBlock(rnd)
		want := naiveAnd(b, m)
		if !EqualMasked(&b, &m, &want) {
			t.Fatal("a block does not equal itself")
		}
		for bit := range BlockSize * 8 {
			b[bit/8] ^= 1 << (bit % 8)
			inMask := m[bit/8]>>(bit%8)&1 == 1
			if got := EqualMasked(&b, &m, &want); got == inMask {
				t.Fatalf("bit %d flipped, mask %v: equal is %v", bit, inMask, got)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestFlippingOneBitChangesHalfTheHash(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	seed := NewSeed()
	const rounds = 100
	for bit := range BlockSize * 8 {
		flips := 0
		for range rounds {
			b := randomBlock(rnd)
			h := HashBlock(0, &b, &seed)
			b[bit/8] ^= 1 << (bit % 8)
			flips += bits.OnesCount64(h ^ HashBlock(0, &b, &seed))
		}
		if mean := float64(flips) / rounds; mean < 29 || mean > 35 {
			t.Errorf("bit %d changes %.1f bits of the hash on average, want about 32", bit, mean)
		}
	}
}

// Keys of one network: sequential addresses and ports, the rest alike. The low bits choose a bucket.
func TestSimilarKeysSpreadOverBuckets(t *testing.T) {
	seed := NewSeed()
	const buckets, perBucket = 1 << 12, 16
	for _, shift := range []int{0, 20, 52} {
		var count [buckets]int
		var k Key
		for i := range buckets * perBucket {
			k.SetUint(FieldIPSrc, 0x0a000000+uint64(i%256))
			k.SetUint(FieldTCPSrc, uint64(i/256))
			count[HashBlock(0, &k[Base], &seed)>>shift%buckets]++
		}
		chi := 0.0
		for _, n := range count {
			d := float64(n - perBucket)
			chi += d * d / perBucket
		}
		// Chi-squared with 4095 degrees of freedom: mean 4095, deviation 90.
		if chi < 4095-6*90 || chi > 4095+6*90 {
			t.Errorf("bits from %d: chi-squared %.0f, want about 4095", shift, chi)
		}
	}
}

// A linear hash, such as a CRC, has h(a)^h(b)^h(c) = h(a^b^c): whoever finds one collision has them all.
func TestHashIsNotLinear(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	seed := NewSeed()
	for range 1000 {
		a, b, c := randomBlock(rnd), randomBlock(rnd), randomBlock(rnd)
		var x Block
		for i := range x {
			x[i] = a[i] ^ b[i] ^ c[i]
		}
		sum := HashBlock(0, &a, &seed) ^ HashBlock(0, &b, &seed) ^ HashBlock(0, &c, &seed)
		if sum == HashBlock(0, &x, &seed) {
			t.Fatal("the hash is linear")
		}
	}
}

func TestHashDependsOnSeedAndOnTheBlocksBefore(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	a, b := randomBlock(rnd), randomBlock(rnd)
	one, two := FixedSeed(1), FixedSeed(2)
	if HashBlock(0, &a, &one) == HashBlock(0, &a, &two) {
		t.Error("two seeds give the same hash")
	}
	if again := FixedSeed(1); HashBlock(0, &a, &one) != HashBlock(0, &a, &again) {
		t.Error("the same seed gives two hashes")
	}
	if r, s := NewSeed(), NewSeed(); r == s {
		t.Error("two random seeds are equal")
	}
	ab := HashBlock(HashBlock(0, &a, &one), &b, &one)
	ba := HashBlock(HashBlock(0, &b, &one), &a, &one)
	if ab == ba {
		t.Error("the order of blocks does not matter")
	}
}

func TestHashingAllocatesNothing(t *testing.T) {
	seed := FixedSeed(1)
	var b, m, want Block
	if n := testing.AllocsPerRun(100, func() {
		h := HashBlock(0, &b, &seed)
		HashMaskedBlock(h, &b, &m, &seed)
		EqualMasked(&b, &m, &want)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

package action

import (
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// everything returns a program with every operation, and a clone of it.
func everything() []uint64 {
	write := func(p *Program) {
		p.Hash(HashSymL4, 5)
		p.Larger(100)
		p.PushVLAN(0x8100, 5)
		p.PopVLAN()
		p.PushMPLS(0x8847, 1<<8)
		p.PopMPLS(0x0800)
		p.Set(flow.FieldIPv6Src, make([]byte, 16), ones(16))
		p.Set(flow.FieldIPTTL, make([]byte, 1), ones(1))
		p.Meter(3)
		p.Trunc(64)
		p.Send(9)
		p.Output(1)
	}
	var inner, p Program
	write(&inner)
	inner.Drop(ByRule)
	write(&p)
	p.Clone(&inner)
	p.Recirc(7)
	return p.Words()
}

func TestProgramsAreValidAndPartsOfThemAreNot(t *testing.T) {
	words := everything()
	if !Valid(words) || !Valid(nil) {
		t.Fatal("a program is not valid")
	}
	ends := map[int]bool{} // where an operation ends
	for at := 0; at < len(words); {
		in, rest, _ := Next(words[at:])
		if in.Op == OpClone {
			rest = rest[in.Arg:]
		}
		ends[at] = true
		at = len(words) - len(rest)
	}
	for n := range words {
		if Valid(words[:n]) != ends[n] {
			t.Errorf("the first %d words: valid is %v, want %v", n, !ends[n], ends[n])
		}
	}
	for name, bad := range map[string][]uint64{
		"no operation":         {0},
		"an unknown operation": {uint64(OpClone) + 1},
		"an unknown reason":    {uint64(OpDrop) | uint64(NumReasons)<<32},
		"an unknown field":     {uint64(OpSet) | uint64(flow.NumFields)<<8 | 2<<16, 0, 0},
		"a field cut in half":  {uint64(OpSet) | uint64(flow.FieldIPv6Src)<<8 | 2<<16, 0, 0},
		"an operand too many":  {uint64(OpOutput) | 1<<16, 0},
		"a clone beyond":       {uint64(OpClone) | 2<<32, uint64(OpOutput)},
		"a clone of nonsense":  {uint64(OpClone) | 1<<32, 0},
	} {
		if Valid(bad) {
			t.Errorf("%s is valid", name)
		}
	}
}

// FuzzValid walks what Valid accepts as workers and printers do.
func FuzzValid(f *testing.F) {
	var seed []byte
	for _, w := range everything() {
		seed = binary.LittleEndian.AppendUint64(seed, w)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		var words []uint64
		for ; len(b) >= 8; b = b[8:] {
			words = append(words, binary.LittleEndian.Uint64(b))
		}
		if Valid(words) {
			Format(words, nil)
		}
	})
}

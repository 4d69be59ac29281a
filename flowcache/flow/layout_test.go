package flow

import "testing"

// Fields that share bytes of the key on purpose, each with the meaning that another packet gives them.
var sharedPlaces = map[FieldID][]FieldID{
	FieldVLANTCI: {FieldVLANVID, FieldVLANPCP, FieldDLVLAN, FieldDLVLANPCP},
	FieldIPTOS:   {FieldIPDSCP},
	FieldIPProto: {FieldARPOp},
	FieldIPSrc:   {FieldARPSPA},
	FieldIPDst:   {FieldARPTPA},
	FieldARPSHA:  {FieldNDSLL},
	FieldARPTHA:  {FieldNDTLL},
	FieldTCPSrc:  {FieldUDPSrc, FieldSCTPSrc, FieldICMPType, FieldICMPv6Type},
	FieldTCPDst:  {FieldUDPDst, FieldSCTPDst, FieldICMPCode, FieldICMPv6Code},
}

func TestNoTwoFieldsShareBitsUnlessTheyAreMeantTo(t *testing.T) {
	var owner [Blocks][BlockSize * 8]FieldID
	home := make(map[FieldID]FieldID)
	for f, others := range sharedPlaces {
		for _, g := range others {
			home[g] = f
		}
	}
	for f := FieldID(1); f < NumFields; f++ {
		if f >= FieldXReg0 && f <= FieldXXReg7 {
			continue // made of registers
		}
		own := f
		if h, ok := home[f]; ok {
			own = h
		}
		var m Mask
		m.SetExact(f)
		for i := range m {
			for bit := range BlockSize * 8 {
				if m[i][bit/8]>>(7-bit%8)&1 == 0 {
					continue
				}
				if was := owner[i][bit]; was != NoField && was != own {
					t.Fatalf("%s and %s share bit %d of block %d", f, was, bit, i)
				}
				owner[i][bit] = own
			}
		}
	}
	for bit := offBaseEnd * 8; bit < BlockSize*8; bit++ {
		if f := owner[Base][bit]; f != NoField {
			t.Errorf("%s lies in the end of the base block, which is zero", f)
		}
	}
	for bit := range 8 {
		if f := owner[Base][OffBlocks*8+bit]; f != NoField {
			t.Errorf("%s lies in the bits that say which blocks are present", f)
		}
	}
}

func TestRegistersOfAllWidthsAreTheSameBytes(t *testing.T) {
	var k Key
	for i := range Registers {
		k.SetUint(FieldReg0+FieldID(i), uint64(i)+0xa0)
	}
	for i := range Registers / 2 {
		want := uint64(0xa0+2*i)<<32 | uint64(0xa1+2*i)
		if got := k.Uint(FieldXReg0 + FieldID(i)); got != want {
			t.Errorf("xreg%d is %#x, want %#x", i, got, want)
		}
	}
	for i := range Registers / 4 {
		want := uint64(0xa2+4*i)<<32 | uint64(0xa3+4*i)
		if got := k.Uint(FieldXXReg0 + FieldID(i)); got != want {
			t.Errorf("the lower half of xxreg%d is %#x, want %#x", i, got, want)
		}
	}
	for _, first := range []int{0, 16, 28} {
		k.SetUint(FieldXXReg0+FieldID(first/4), 5)
		for i, want := range []uint64{0, 0, 0, 5} {
			if got := k.Uint(FieldReg0 + FieldID(first+i)); got != want {
				t.Errorf("after setting xxreg%d, reg%d is %#x, want %#x", first/4, first+i, got, want)
			}
		}
	}
	if got := k.Uint(FieldReg0 + 20); got != 0xa0+20 {
		t.Errorf("after setting xxreg4, reg20 is %#x", got)
	}
}

func TestEveryWordOfAKeyHasABit(t *testing.T) {
	seen := make(map[uint64][2]int)
	for b := range Blocks {
		for i := range blockWords {
			bit := WordBit(b, i)
			was, found := seen[bit]
			shared := b >= Options && b < Regs && was[0] == b
			if bit == 0 || found && !shared {
				t.Errorf("word %d of block %d has bit %#x, as word %d of block %d", i, b, bit, was[1], was[0])
			}
			seen[bit] = [2]int{b, i}
		}
	}
}

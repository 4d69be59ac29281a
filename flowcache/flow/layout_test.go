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
		if f >= FieldXReg0 && f <= FieldXXReg3 {
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
	for i := range 16 {
		k.SetUint(FieldReg0+FieldID(i), uint64(i)+0xa0)
	}
	if got, want := k.Uint(FieldXReg0+1), uint64(0xa2<<32|0xa3); got != want {
		t.Errorf("xreg1 is %#x, want %#x", got, want)
	}
	if got, want := k.Uint(FieldXXReg3), uint64(0xae<<32|0xaf); got != want {
		t.Errorf("the lower half of xxreg3 is %#x, want %#x", got, want)
	}
	k.SetUint(FieldXXReg0, 5)
	for i, want := range []uint64{0, 0, 0, 5, 0xa4} {
		if got := k.Uint(FieldReg0 + FieldID(i)); got != want {
			t.Errorf("after setting xxreg0, reg%d is %#x, want %#x", i, got, want)
		}
	}
}

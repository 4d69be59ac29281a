package flow

import "strconv"

// register describes 32-bit register i.
func register(i int) Field {
	n := strconv.Itoa(i)
	return Field{ID: FieldReg0 + FieldID(i), Name: "reg" + n, Aliases: []string{"NXM_NX_REG" + n},
		Block: Regs, Off: uint8(OffReg0 + 4*i), Size: 4, In: in32, Bits: 32, Kind: Hex, Maskable: true, Writable: true}
}

// longRegister describes 64-bit register i: registers 2i, the upper half, and 2i+1.
func longRegister(i int) Field {
	n := strconv.Itoa(i)
	return Field{ID: FieldXReg0 + FieldID(i), Name: "xreg" + n, Aliases: []string{"OXM_OF_PKT_REG" + n},
		Block: Regs, Off: uint8(OffReg0 + 8*i), Size: 8, In: in64, Bits: 64, Kind: Hex, Maskable: true, Writable: true}
}

// doubleLongRegister describes 128-bit register i: registers 4i, the uppermost, to 4i+3.
func doubleLongRegister(i int) Field {
	n := strconv.Itoa(i)
	return Field{ID: FieldXXReg0 + FieldID(i), Name: "xxreg" + n, Aliases: []string{"NXM_NX_XXREG" + n},
		Block: Regs, Off: uint8(OffReg0 + 16*i), Size: 16, Bits: 128, Kind: Hex, Maskable: true, Writable: true}
}

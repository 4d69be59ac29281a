package flow

import "strconv"

// IsRegister reports whether f is a register, of whatever width.
func (f FieldID) IsRegister() bool { return f >= FieldReg0 && f <= FieldXXReg7 }

// register describes 32-bit register i. Since the numbers of NXM fields were used up, those from 16 on, which Open
// vSwitch has since 3.7, are named otherwise.
func register(i int) Field {
	n := strconv.Itoa(i)
	alias := "NXM_NX_REG" + n
	if i >= 16 {
		alias = "NXOXM_ET_REG" + n
	}
	f := Field{ID: FieldReg0 + FieldID(i), Name: "reg" + n, Aliases: []string{alias}, In: in32, Bits: 32}
	return f.inRegisters(i, 1)
}

// longRegister describes 64-bit register i: registers 2i, the upper half, and 2i+1.
func longRegister(i int) Field {
	n := strconv.Itoa(i)
	f := Field{ID: FieldXReg0 + FieldID(i), Name: "xreg" + n, Aliases: []string{"OXM_OF_PKT_REG" + n}, In: in64, Bits: 64}
	return f.inRegisters(2*i, 2)
}

// doubleLongRegister describes 128-bit register i: registers 4i, the uppermost, to 4i+3.
func doubleLongRegister(i int) Field {
	n := strconv.Itoa(i)
	alias := "NXM_NX_XXREG" + n
	if i >= 4 {
		alias = "NXOXM_ET_XXREG" + n
	}
	f := Field{ID: FieldXXReg0 + FieldID(i), Name: "xxreg" + n, Aliases: []string{alias}, Bits: 128}
	return f.inRegisters(4*i, 4)
}

// inRegisters returns f as a field that lies in n registers from the first on.
func (f Field) inRegisters(first, n int) Field {
	f.Block, f.Off, f.Size = uint8(Regs+first/regsPerBlock), uint8(OffReg0+first%regsPerBlock*4), uint8(4*n)
	f.Kind, f.Maskable, f.Writable = Hex, true, true
	return f
}

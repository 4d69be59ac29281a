//go:build !purego && !race

#include "textflag.h"

// Each ADDQ to memory is a load and a store, not locked: the row has one writer. On amd64 an aligned
// store of 8 bytes is never seen in part (Intel SDM volume 3, 9.1.1), and stores become visible in
// program order (9.2.2), so whoever loads a word of the row gets a value that was once its whole value.

// func bump(r *row, packets, bytes uint64, now int64)
TEXT ·bump(SB), NOSPLIT, $0-32
	MOVQ r+0(FP), DI
	MOVQ packets+8(FP), AX
	MOVQ bytes+16(FP), BX
	MOVQ now+24(FP), CX
	MOVQ CX, 16(DI)
	ADDQ BX, 8(DI)
	ADDQ AX, 0(DI) // last: see bumpGeneric
	RET

// func bump1(p *uint64, n uint64)
TEXT ·bump1(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), DI
	MOVQ n+8(FP), AX
	ADDQ AX, 0(DI)
	RET

// func bumpEach(rows []row, slots []Slot, sizes []uint32, now int64)
TEXT ·bumpEach(SB), NOSPLIT, $0-80
	MOVQ rows_base+0(FP), DI
	MOVQ slots_base+24(FP), SI
	MOVQ slots_len+32(FP), CX
	MOVQ sizes_base+48(FP), BX
	MOVQ now+72(FP), DX
	JMP  test

next:
	MOVL (SI), AX
	MOVL (BX), R8
	SHLQ $5, AX // 32 bytes to a row
	ADDQ DI, AX
	MOVQ DX, 16(AX)
	ADDQ R8, 8(AX)
	ADDQ $1, 0(AX) // last: see bumpGeneric
	ADDQ $4, SI
	ADDQ $4, BX
	SUBQ $1, CX

test:
	TESTQ CX, CX
	JNE   next
	RET

//go:build !purego && !race

#include "textflag.h"

// Pieces of 16 to 128 bytes are copied in 16-byte words from both ends, which meet or overlap in the middle. All of a
// piece is read before any of it is written. It is so few instructions that the processor has several pieces under way
// at once, where those that are in another core's cache take a hundred times as long as the copying.

// Go's assembler does not know PREFETCHW, hence the bytes.

// func short(p *Piece, n int) int
TEXT ·short(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), R8
	MOVQ n+8(FP), R9
	XORQ AX, AX
	JMP  test

next:
	MOVQ  0(R8), DI
	MOVQ  8(R8), SI
	MOVQ  16(R8), CX
	LEAQ  -16(CX), BX
	CMPQ  BX, $112
	JHI   done            // fewer than 16 bytes, or more than 128
	MOVOU (SI), X0
	MOVOU (SI)(BX*1), X1
	CMPQ  BX, $16
	JLS   store           // up to 32
	MOVOU 16(SI), X2
	MOVOU -16(SI)(BX*1), X3
	CMPQ  BX, $48
	JLS   four            // up to 64
	MOVOU 32(SI), X4
	MOVOU 48(SI), X5
	MOVOU -32(SI)(BX*1), X6
	MOVOU -48(SI)(BX*1), X7
	MOVOU X4, 32(DI)
	MOVOU X5, 48(DI)
	MOVOU X6, -32(DI)(BX*1)
	MOVOU X7, -48(DI)(BX*1)

four:
	MOVOU X2, 16(DI)
	MOVOU X3, -16(DI)(BX*1)

store:
	MOVOU X0, (DI)
	MOVOU X1, (DI)(BX*1)
	ADDQ  $24, R8
	INCQ  AX

test:
	CMPQ AX, R9
	JLT  next

done:
	MOVQ AX, ret+16(FP)
	RET

// func willCopyTo(p *Piece, n, lead int)
TEXT ·willCopyTo(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), R8
	MOVQ n+8(FP), R9
	MOVQ lead+16(FP), R10

more:
	MOVQ 0(R8), DI
	MOVQ 16(R8), CX
	LEAQ -1(DI)(CX*1), SI
	MOVQ DI, BX
	SUBQ R10, BX
	PREFETCHT0 (BX)                    // what comes before the piece
	BYTE $0x0f; BYTE $0x0d; BYTE $0x0f // PREFETCHW (DI), its first line
	BYTE $0x0f; BYTE $0x0d; BYTE $0x0e // PREFETCHW (SI), its last line
	ADDQ $24, R8
	DECQ R9
	JNZ  more
	RET

// func fetch(p *Piece)
TEXT ·fetch(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), R8
	MOVQ 0(R8), DI
	MOVQ 8(R8), SI
	MOVQ 16(R8), CX

line:
	PREFETCHT0 (SI)
	BYTE $0x0f; BYTE $0x0d; BYTE $0x0f // PREFETCHW (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $64, CX
	JHI  line
	RET

// func willRead(p *byte)
TEXT ·willRead(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), DI
	PREFETCHT0 (DI)
	RET

// func willWrite(p *byte)
TEXT ·willWrite(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), DI
	BYTE $0x0f; BYTE $0x0d; BYTE $0x0f // PREFETCHW (DI)
	RET

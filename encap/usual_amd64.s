//go:build !purego && !race

#include "textflag.h"

// One pass over a batch: each packet is looked at, and its headers written, while what it needs is in registers. The compiler, which has fewer
// of these, makes three passes of it that have more than twice as many instructions.
//
// Only what is certain to be there is read: a packet's bytes up to its length, which the arena has. Fields of several bytes are compared as they
// stand in memory, and turned when they are counted with.

// func pushUsual(frames *frame.Frame, n int, l3, l4 *uint16, arena *byte, t *usual) (done uint64)
TEXT ·pushUsual(SB), NOSPLIT, $0-56
	MOVQ  frames+0(FP), R8
	MOVQ  n+8(FP), R10
	MOVQ  l3+16(FP), R11
	MOVQ  l4+24(FP), R12
	MOVQ  arena+32(FP), DI
	MOVQ  t+40(FP), R13
	MOVOU 0(R13), X0           // usual.link
	MOVOU 16(R13), X1
	XORQ  R9, R9               // number of the frame
	XORQ  R15, R15             // done

packet:
	// The frame: offset 32, length 16, other buffers and flags.
	MOVQ (R8)(R9*8), AX
	MOVQ AX, DX
	SHRQ $32, DX               // length
	CMPQ DX, $0xffff
	JHI  next                  // other buffers, or flags
	MOVL AX, CX                // offset
	MOVL CX, BX
	ANDQ 104(R13), BX          // headroom
	CMPQ BX, 80(R13)
	JCS  next                  // less than the stack has
	LEAQ (CX)(DX*1), BX
	CMPQ BX, 112(R13)
	JHI  next                  // beyond the arena
	MOVQ DX, BX
	ADDQ 80(R13), BX           // length with the stack
	CMPQ BX, $0xffff
	JHI  next
	ADDQ DI, CX                // the packet

	// Inside: an IPv4 header of 20 bytes with two ports, or what else is there, behind it.
	MOVWLZX (R11)(R9*2), SI
	CMPQ    SI, $14
	JCS     next               // there is none
	MOVWLZX (R12)(R9*2), R14
	SUBQ    $20, R14
	CMPQ    R14, SI
	JNE     next               // options
	LEAQ    24(SI), R14
	CMPQ    DX, R14
	JCS     next               // cut off
	ADDQ    CX, SI             // the header
	MOVL    -2(SI), R14        // EtherType, version and length, type of service
	ANDL    $0x03f0ffff, R14   // markMask4, as it stands in memory
	CMPL    R14, $0x00400008   // unmarked4
	JNE     next
	TESTW   $0xff3f, 6(SI)
	JNE     next               // a fragment

	// From here on the packet is pushed. Its frame begins at the stack.
	ADDQ 96(R13), AX
	MOVQ AX, (R8)(R9*8)

	// The source port: mix of the addresses, and of protocol and ports.
	MOVBLZX 9(SI), R14
	SHLQ    $32, R14
	MOVL    20(SI), DX
	ORQ     DX, R14
	XORQ    136(R13), R14
	MOVQ    12(SI), AX
	XORQ    128(R13), AX
	MULQ    R14
	XORQ    DX, AX
	MOVQ    AX, DX
	SHRQ    $32, DX
	XORL    DX, AX
	IMUL3Q  $28233, AX, AX     // ports
	SHRQ    $32, AX
	ADDQ    $32768, AX         // firstPort
	ANDQ    120(R13), AX
	ROLW    $8, AX
	SHLQ    $32, AX
	ORQ     48(R13), AX

	// The link's header, and whatever is behind it in the stack: what is too much is written over.
	MOVQ  CX, DX
	SUBQ  80(R13), DX
	MOVOU X0, (DX)
	MOVOU X1, 16(DX)

	// The headers from the IPv4 header on, which begin 36 bytes before the packet.
	MOVQ    AX, -20(CX)
	SUBQ    88(R13), BX        // length of the IPv4 packet
	MOVQ    72(R13), AX
	ADDQ    BX, AX
	MOVQ    AX, DX
	SHRQ    $16, DX
	ADDL    DX, AX             // its header's sum (RFC 1624): there is one carry at most
	NOTL    AX
	ROLW    $8, AX
	MOVWLZX AX, AX
	SHLQ    $16, AX
	ORQ     40(R13), AX
	MOVQ    AX, -28(CX)
	MOVL    BX, AX
	ROLW    $8, AX
	MOVWLZX AX, AX
	SHLQ    $16, AX
	ORQ     32(R13), AX
	MOVQ    AX, -36(CX)
	SUBL    $20, BX            // length of the UDP datagram
	ROLW    $8, BX
	MOVWLZX BX, BX
	ORQ     56(R13), BX
	MOVQ    BX, -12(CX)
	MOVQ    64(R13), AX
	MOVQ    AX, -8(CX)
	BTSQ    R9, R15

next:
	INCQ R9
	CMPQ R9, R10
	JLT  packet
	MOVQ R15, done+48(FP)
	RET

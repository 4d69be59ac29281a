//go:build amd64 && !purego

#include "textflag.h"

// func rdtsc() int64
// Not serializing: it may slip by a few instructions, which is far below what is measured with it,
// and LFENCE or RDTSCP would stall the pipeline it measures.
TEXT ·rdtsc(SB), NOSPLIT, $0-8
	RDTSC
	SHLQ $32, DX
	ORQ  DX, AX
	MOVQ AX, ret+0(FP)
	RET

#include "textflag.h"

// 1 in each of 16 words.
DATA one<>+0(SB)/8, $0x0001000100010001
DATA one<>+8(SB)/8, $0x0001000100010001
DATA one<>+16(SB)/8, $0x0001000100010001
DATA one<>+24(SB)/8, $0x0001000100010001
GLOBL one<>(SB), RODATA|NOPTR, $32

// Shuffles the last word of a lane into all of its words.
DATA spread<>+0(SB)/8, $0x0f0e0f0e0f0e0f0e
DATA spread<>+8(SB)/8, $0x0f0e0f0e0f0e0f0e
DATA spread<>+16(SB)/8, $0x0f0e0f0e0f0e0f0e
DATA spread<>+24(SB)/8, $0x0f0e0f0e0f0e0f0e
GLOBL spread<>(SB), RODATA|NOPTR, $32

// Both kernels: DI dst, SI keys and BX their end, DX data and R8 the last address
// that may be loaded from, R9 the shuffles, X0 or Y0 the carry in all words.

// func unpackAVX2(dst []int16, keys, data []byte, carry uint16) (groups, used int, last uint16)
TEXT ·unpackAVX2(SB), NOSPLIT, $0-98
	MOVQ dst_base+0(FP), DI
	MOVQ keys_base+24(FP), SI
	MOVQ keys_len+32(FP), BX
	MOVQ data_base+48(FP), DX
	MOVQ data_len+56(FP), R8
	LEAQ -1(SI)(BX*1), BX     // the last address of a pair of keys, exclusive
	LEAQ -32(DX)(R8*1), R8
	LEAQ ·shuffles(SB), R9
	VPBROADCASTW carry+72(FP), Y0
	VMOVDQU one<>(SB), Y1
	VMOVDQU spread<>(SB), Y2
	VPXOR Y3, Y3, Y3

pair:
	CMPQ SI, BX
	JAE  pairsdone
	CMPQ DX, R8
	JGT  pairsdone
	MOVWLZX (SI), R10
	ADDQ $2, SI
	TESTL R10, R10
	JNZ  wide
	VPMOVZXBW (DX), Y4        // nearly always: 16 small steps
	ADDQ $16, DX

steps:
	// Zigzag undone: (v >> 1) ^ −(v & 1).
	VPSRLW $1, Y4, Y5
	VPAND  Y1, Y4, Y4
	VPSUBW Y4, Y3, Y4
	VPXOR  Y5, Y4, Y4

	// The sum up to each word of its lane, in three steps.
	VPSLLDQ $2, Y4, Y5
	VPADDW  Y5, Y4, Y4
	VPSLLDQ $4, Y4, Y5
	VPADDW  Y5, Y4, Y4
	VPSLLDQ $8, Y4, Y5
	VPADDW  Y5, Y4, Y4

	// The high lane comes after the low one, both after the carry. The carry itself
	// waits for one addition only.
	VPSHUFB    Y2, Y4, Y5
	VPERM2I128 $0x08, Y5, Y5, Y6
	VPERM2I128 $0x01, Y5, Y5, Y7
	VPADDW     Y6, Y4, Y4
	VPADDW     Y5, Y7, Y7
	VPADDW     Y0, Y4, Y4
	VPADDW     Y7, Y0, Y0
	VMOVDQU    Y4, (DI)
	ADDQ       $32, DI
	JMP        pair

wide:
	MOVBLZX R10, R11
	SHRL    $8, R10
	POPCNTL R11, R12
	POPCNTL R10, R13
	SHLL    $4, R11
	SHLL    $4, R10
	VMOVDQU (DX), X4
	VMOVDQU 8(DX)(R12*1), X5  // at most 16 bytes in: within the 32
	VPSHUFB (R9)(R11*1), X4, X4
	VPSHUFB (R9)(R10*1), X5, X5
	VINSERTI128 $1, X5, Y4, Y4
	ADDQ    R13, R12
	LEAQ    16(DX)(R12*1), DX
	JMP     steps

pairsdone:
	VMOVD X0, AX
	VZEROUPPER
	MOVW AX, last+96(FP)
	SUBQ keys_base+24(FP), SI
	MOVQ SI, groups+80(FP)
	SUBQ data_base+48(FP), DX
	MOVQ DX, used+88(FP)
	RET

// func unpackSSSE3(dst []int16, keys, data []byte, carry uint16) (groups, used int, last uint16)
TEXT ·unpackSSSE3(SB), NOSPLIT, $0-98
	MOVQ dst_base+0(FP), DI
	MOVQ keys_base+24(FP), SI
	MOVQ keys_len+32(FP), BX
	MOVQ data_base+48(FP), DX
	MOVQ data_len+56(FP), R8
	ADDQ SI, BX
	LEAQ -16(DX)(R8*1), R8
	LEAQ ·shuffles(SB), R9
	LEAQ ·lengths(SB), R13
	MOVOU spread<>(SB), X2
	MOVOU one<>(SB), X1
	PXOR X3, X3
	MOVWLZX carry+72(FP), AX
	MOVD AX, X0
	PSHUFLW $0, X0, X0
	PUNPCKLQDQ X0, X0

group:
	CMPQ SI, BX
	JAE  groupsdone
	CMPQ DX, R8
	JGT  groupsdone
	MOVBLZX (SI), R10
	INCQ SI
	MOVBLZX (R13)(R10*1), R12
	SHLL $4, R10
	MOVOU (DX), X4
	MOVOU (R9)(R10*1), X5
	PSHUFB X5, X4
	ADDQ R12, DX

	// Zigzag undone: (v >> 1) ^ −(v & 1).
	MOVO  X4, X5
	PSRLW $1, X4
	PAND  X1, X5
	MOVO  X3, X6
	PSUBW X5, X6
	PXOR  X6, X4

	// The sum up to each word, in three steps.
	MOVO   X4, X5
	PSLLDQ $2, X5
	PADDW  X5, X4
	MOVO   X4, X5
	PSLLDQ $4, X5
	PADDW  X5, X4
	MOVO   X4, X5
	PSLLDQ $8, X5
	PADDW  X5, X4

	MOVO   X4, X5
	PSHUFB X2, X5
	PADDW  X0, X4
	PADDW  X5, X0
	MOVOU  X4, (DI)
	ADDQ   $16, DI
	JMP    group

groupsdone:
	MOVD X0, AX
	MOVW AX, last+96(FP)
	SUBQ keys_base+24(FP), SI
	MOVQ SI, groups+80(FP)
	SUBQ data_base+48(FP), DX
	MOVQ DX, used+88(FP)
	RET

#include "textflag.h"

// func scoresEightVNNI(scores *int32, rows int, blocks *byte, count int, queries *int8, groups int, start *int32)
//
// Z0 to Z7 are the sums of 16 rows for the eight queries, Z8 is a group of four
// dimensions of these rows. A query's four values are broadcast from memory.
TEXT ·scoresEightVNNI(SB), NOSPLIT, $0-56
	MOVQ scores+0(FP), DI
	MOVQ rows+8(FP), R9
	MOVQ blocks+16(FP), SI
	MOVQ count+24(FP), R8
	MOVQ queries+32(FP), DX
	MOVQ groups+40(FP), CX
	MOVQ start+48(FP), BX
	SHLQ $2, R9              // bytes between two queries' scores
	LEAQ (R9)(R9*2), R13     // three times that
	LEAQ (DI)(R9*4), R14     // scores of the fifth query
	MOVQ CX, R10
	SHLQ $2, R10             // bytes between two queries
	LEAQ (R10)(R10*2), R11
	LEAQ (DX)(R10*4), R12    // the fifth query

eightBlock:
	VPBROADCASTD 0(BX), Z0
	VPBROADCASTD 4(BX), Z1
	VPBROADCASTD 8(BX), Z2
	VPBROADCASTD 12(BX), Z3
	VPBROADCASTD 16(BX), Z4
	VPBROADCASTD 20(BX), Z5
	VPBROADCASTD 24(BX), Z6
	VPBROADCASTD 28(BX), Z7
	MOVQ CX, AX

eightGroup:
	VMOVDQU64 (SI), Z8
	VPDPBUSD.BCST (DX), Z8, Z0
	VPDPBUSD.BCST (DX)(R10*1), Z8, Z1
	VPDPBUSD.BCST (DX)(R10*2), Z8, Z2
	VPDPBUSD.BCST (DX)(R11*1), Z8, Z3
	VPDPBUSD.BCST (R12), Z8, Z4
	VPDPBUSD.BCST (R12)(R10*1), Z8, Z5
	VPDPBUSD.BCST (R12)(R10*2), Z8, Z6
	VPDPBUSD.BCST (R12)(R11*1), Z8, Z7
	ADDQ $64, SI
	ADDQ $4, DX
	ADDQ $4, R12
	DECQ AX
	JNZ  eightGroup

	SUBQ R10, DX
	SUBQ R10, R12
	VMOVDQU32 Z0, (DI)
	VMOVDQU32 Z1, (DI)(R9*1)
	VMOVDQU32 Z2, (DI)(R9*2)
	VMOVDQU32 Z3, (DI)(R13*1)
	VMOVDQU32 Z4, (R14)
	VMOVDQU32 Z5, (R14)(R9*1)
	VMOVDQU32 Z6, (R14)(R9*2)
	VMOVDQU32 Z7, (R14)(R13*1)
	ADDQ $64, DI
	ADDQ $64, R14
	DECQ R8
	JNZ  eightBlock
	VZEROUPPER
	RET

// func scoresOneVNNI(scores *int32, blocks *byte, count int, query *int8, groups int, start int32)
//
// Four blocks at a time, so that a sum need not wait for the one before it.
TEXT ·scoresOneVNNI(SB), NOSPLIT, $0-44
	MOVQ scores+0(FP), DI
	MOVQ blocks+8(FP), SI
	MOVQ count+16(FP), R8
	MOVQ query+24(FP), DX
	MOVQ groups+32(FP), CX
	MOVL start+40(FP), AX
	VPBROADCASTD AX, Z10
	MOVQ CX, R10
	SHLQ $6, R10             // bytes of a block
	LEAQ (R10)(R10*2), R11

oneFour:
	CMPQ R8, $4
	JLT  oneLast
	VMOVDQA64 Z10, Z0
	VMOVDQA64 Z10, Z1
	VMOVDQA64 Z10, Z2
	VMOVDQA64 Z10, Z3
	MOVQ CX, AX
	MOVQ DX, BX

oneFourGroup:
	VPBROADCASTD (BX), Z8
	VMOVDQU64 (SI), Z4
	VMOVDQU64 (SI)(R10*1), Z5
	VMOVDQU64 (SI)(R10*2), Z6
	VMOVDQU64 (SI)(R11*1), Z7
	VPDPBUSD Z8, Z4, Z0
	VPDPBUSD Z8, Z5, Z1
	VPDPBUSD Z8, Z6, Z2
	VPDPBUSD Z8, Z7, Z3
	ADDQ $64, SI
	ADDQ $4, BX
	DECQ AX
	JNZ  oneFourGroup

	ADDQ R11, SI
	VMOVDQU32 Z0, (DI)
	VMOVDQU32 Z1, 64(DI)
	VMOVDQU32 Z2, 128(DI)
	VMOVDQU32 Z3, 192(DI)
	ADDQ $256, DI
	SUBQ $4, R8
	JMP  oneFour

oneLast:
	TESTQ R8, R8
	JZ    oneDone
	VMOVDQA64 Z10, Z0
	MOVQ CX, AX
	MOVQ DX, BX

oneLastGroup:
	VMOVDQU64 (SI), Z4
	VPDPBUSD.BCST (BX), Z4, Z0
	ADDQ $64, SI
	ADDQ $4, BX
	DECQ AX
	JNZ  oneLastGroup

	VMOVDQU32 Z0, (DI)
	ADDQ $64, DI
	DECQ R8
	JMP  oneLast

oneDone:
	VZEROUPPER
	RET

// ADD adds the products of a group with four values of a query to the sums: pairs
// of products become int16, pairs of those int32. Y8 and Y9 are the rows, Y15 is 1
// in each int16.
#define ADD(query, low, high) \
	VPBROADCASTD query, Y10 \
	VPMADDUBSW Y10, Y8, Y11 \
	VPMADDUBSW Y10, Y9, Y12 \
	VPMADDWD Y15, Y11, Y11  \
	VPMADDWD Y15, Y12, Y12  \
	VPADDD Y11, low, low    \
	VPADDD Y12, high, high

// func scoresFourAVX2(scores *int32, rows int, blocks *byte, count int, queries *int8, groups int, start *int32)
//
// Y0 to Y7 are the sums of rows 0 to 7 and of rows 8 to 15 for the four queries.
TEXT ·scoresFourAVX2(SB), NOSPLIT, $0-56
	MOVQ scores+0(FP), DI
	MOVQ rows+8(FP), R9
	MOVQ blocks+16(FP), SI
	MOVQ count+24(FP), R8
	MOVQ queries+32(FP), DX
	MOVQ groups+40(FP), CX
	MOVQ start+48(FP), BX
	SHLQ $2, R9              // bytes between two queries' scores
	LEAQ (R9)(R9*2), R13
	MOVQ CX, R10
	SHLQ $2, R10             // bytes between two queries
	LEAQ (R10)(R10*2), R11
	VPCMPEQW Y15, Y15, Y15
	VPSRLW $15, Y15, Y15

fourBlock:
	VPBROADCASTD 0(BX), Y0
	VPBROADCASTD 4(BX), Y2
	VPBROADCASTD 8(BX), Y4
	VPBROADCASTD 12(BX), Y6
	VMOVDQA Y0, Y1
	VMOVDQA Y2, Y3
	VMOVDQA Y4, Y5
	VMOVDQA Y6, Y7
	MOVQ CX, AX

fourGroup:
	VMOVDQU (SI), Y8
	VMOVDQU 32(SI), Y9
	ADD((DX), Y0, Y1)
	ADD((DX)(R10*1), Y2, Y3)
	ADD((DX)(R10*2), Y4, Y5)
	ADD((DX)(R11*1), Y6, Y7)
	ADDQ $64, SI
	ADDQ $4, DX
	DECQ AX
	JNZ  fourGroup

	SUBQ R10, DX
	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	VMOVDQU Y2, (DI)(R9*1)
	VMOVDQU Y3, 32(DI)(R9*1)
	VMOVDQU Y4, (DI)(R9*2)
	VMOVDQU Y5, 32(DI)(R9*2)
	VMOVDQU Y6, (DI)(R13*1)
	VMOVDQU Y7, 32(DI)(R13*1)
	ADDQ $64, DI
	DECQ R8
	JNZ  fourBlock
	VZEROUPPER
	RET

// func scoresOneAVX2(scores *int32, blocks *byte, count int, query *int8, groups int, start int32)
TEXT ·scoresOneAVX2(SB), NOSPLIT, $0-44
	MOVQ scores+0(FP), DI
	MOVQ blocks+8(FP), SI
	MOVQ count+16(FP), R8
	MOVQ query+24(FP), DX
	MOVQ groups+32(FP), CX
	MOVL start+40(FP), AX
	VMOVD AX, X14
	VPBROADCASTD X14, Y14
	VPCMPEQW Y15, Y15, Y15
	VPSRLW $15, Y15, Y15

oneBlock:
	VMOVDQA Y14, Y0
	VMOVDQA Y14, Y1
	MOVQ CX, AX
	MOVQ DX, BX

oneGroup:
	VMOVDQU (SI), Y8
	VMOVDQU 32(SI), Y9
	ADD((BX), Y0, Y1)
	ADDQ $64, SI
	ADDQ $4, BX
	DECQ AX
	JNZ  oneGroup

	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	ADDQ $64, DI
	DECQ R8
	JNZ  oneBlock
	VZEROUPPER
	RET

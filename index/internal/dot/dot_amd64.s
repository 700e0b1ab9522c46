#include "textflag.h"

// Registers of the score functions:
//
//	DI  scores of the block     SI  rows, one group of four dimensions on
//	BX  first query             AX  the group's values in a query
//	DX  dim                     CX  blocks left
//	R12 end of the query in AX

// MAC2 adds to low and high, eight rows each, the products of the rows in Y8
// and Y9 (unsigned) with four values of a query (signed). Y15 holds ones of 16
// bits.
#define MAC2(query, low, high) \
	VPBROADCASTD query, Y10     \
	VPMADDUBSW   Y10, Y8, Y11   \
	VPMADDUBSW   Y10, Y9, Y12   \
	VPMADDWD     Y15, Y11, Y11  \
	VPMADDWD     Y15, Y12, Y12  \
	VPADDD       Y11, low, low  \
	VPADDD       Y12, high, high

// func scoreEightAVX2(scores *int32, blocks *byte, queries *int8, starts *[Queries]int32, dim, count int)
//
// Sixteen registers have room for four queries: each block is read twice.
TEXT ·scoreEightAVX2(SB), NOSPLIT, $0-48
	MOVQ scores+0(FP), DI
	MOVQ blocks+8(FP), SI
	MOVQ queries+16(FP), BX
	MOVQ starts+24(FP), R8
	MOVQ dim+32(FP), DX
	MOVQ count+40(FP), CX
	LEAQ (DX)(DX*2), R9  // 3·dim
	MOVQ CX, R10
	SHLQ $6, R10         // bytes of scores of one query
	LEAQ (R10)(R10*2), R11

	VPCMPEQW Y15, Y15, Y15
	VPABSW   Y15, Y15

block:
	MOVQ BX, AX
	MOVQ DI, R13

	// Queries 0 to 3, then 4 to 7.
four:
	LEAQ         (AX)(DX*1), R12
	VPBROADCASTD 0(R8), Y0
	VPBROADCASTD 4(R8), Y2
	VPBROADCASTD 8(R8), Y4
	VPBROADCASTD 12(R8), Y6
	VMOVDQA      Y0, Y1
	VMOVDQA      Y2, Y3
	VMOVDQA      Y4, Y5
	VMOVDQA      Y6, Y7

group:
	VMOVDQU (SI), Y8
	VMOVDQU 32(SI), Y9
	MAC2((AX), Y0, Y1)
	MAC2((AX)(DX*1), Y2, Y3)
	MAC2((AX)(DX*2), Y4, Y5)
	MAC2((AX)(R9*1), Y6, Y7)
	ADDQ    $64, SI
	ADDQ    $4, AX
	CMPQ    AX, R12
	JB      group

	VMOVDQU Y0, (R13)
	VMOVDQU Y1, 32(R13)
	VMOVDQU Y2, (R13)(R10*1)
	VMOVDQU Y3, 32(R13)(R10*1)
	VMOVDQU Y4, (R13)(R10*2)
	VMOVDQU Y5, 32(R13)(R10*2)
	VMOVDQU Y6, (R13)(R11*1)
	VMOVDQU Y7, 32(R13)(R11*1)

	// AX is at query 1 or 5, hence at 4 or 8 after three more.
	ADDQ R9, AX
	LEAQ (R13)(R10*4), R13
	ADDQ $16, R8
	LEAQ (BX)(DX*4), R12
	CMPQ AX, R12
	JNE  next
	MOVQ DX, R12
	SHLQ $4, R12
	SUBQ R12, SI
	JMP  four

next:
	SUBQ $32, R8
	ADDQ $64, DI
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET

// func scoreOneAVX2(scores *int32, blocks *byte, query *int8, start int32, dim, count int)
TEXT ·scoreOneAVX2(SB), NOSPLIT, $0-48
	MOVQ scores+0(FP), DI
	MOVQ blocks+8(FP), SI
	MOVQ query+16(FP), BX
	MOVQ dim+32(FP), DX
	MOVQ count+40(FP), CX
	LEAQ (BX)(DX*1), R12

	MOVL         start+24(FP), AX
	VMOVD        AX, X14
	VPBROADCASTD X14, Y14
	VPCMPEQW     Y15, Y15, Y15
	VPABSW       Y15, Y15

block:
	MOVQ    BX, AX
	VMOVDQA Y14, Y0
	VMOVDQA Y14, Y1

group:
	VMOVDQU (SI), Y8
	VMOVDQU 32(SI), Y9
	MAC2((AX), Y0, Y1)
	ADDQ    $64, SI
	ADDQ    $4, AX
	CMPQ    AX, R12
	JB      group

	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	ADDQ    $64, DI
	DECQ    CX
	JNZ     block
	VZEROUPPER
	RET

// func scoreEightVNNI(scores *int32, blocks *byte, queries *int8, starts *[Queries]int32, dim, count int)
//
// A group of 16 rows is one register.
TEXT ·scoreEightVNNI(SB), NOSPLIT, $0-48
	MOVQ scores+0(FP), DI
	MOVQ blocks+8(FP), SI
	MOVQ queries+16(FP), BX
	MOVQ starts+24(FP), R8
	MOVQ dim+32(FP), DX
	MOVQ count+40(FP), CX
	LEAQ (BX)(DX*1), R12
	LEAQ (DX)(DX*2), R9  // 3·dim
	LEAQ (DX)(DX*4), R10 // 5·dim
	LEAQ (R9)(DX*4), R11 // 7·dim
	MOVQ CX, R13
	SHLQ $6, R13         // bytes of scores of one query

	VPBROADCASTD 0(R8), Z16
	VPBROADCASTD 4(R8), Z17
	VPBROADCASTD 8(R8), Z18
	VPBROADCASTD 12(R8), Z19
	VPBROADCASTD 16(R8), Z20
	VPBROADCASTD 20(R8), Z21
	VPBROADCASTD 24(R8), Z22
	VPBROADCASTD 28(R8), Z23

block:
	MOVQ      BX, AX
	VMOVDQA32 Z16, Z0
	VMOVDQA32 Z17, Z1
	VMOVDQA32 Z18, Z2
	VMOVDQA32 Z19, Z3
	VMOVDQA32 Z20, Z4
	VMOVDQA32 Z21, Z5
	VMOVDQA32 Z22, Z6
	VMOVDQA32 Z23, Z7

group:
	VMOVDQU32     (SI), Z8
	VPDPBUSD.BCST (AX), Z8, Z0
	VPDPBUSD.BCST (AX)(DX*1), Z8, Z1
	VPDPBUSD.BCST (AX)(DX*2), Z8, Z2
	VPDPBUSD.BCST (AX)(R9*1), Z8, Z3
	VPDPBUSD.BCST (AX)(DX*4), Z8, Z4
	VPDPBUSD.BCST (AX)(R10*1), Z8, Z5
	VPDPBUSD.BCST (AX)(R9*2), Z8, Z6
	VPDPBUSD.BCST (AX)(R11*1), Z8, Z7
	ADDQ          $64, SI
	ADDQ          $4, AX
	CMPQ          AX, R12
	JB            group

	MOVQ      DI, R8
	VMOVDQU32 Z0, (R8)
	ADDQ      R13, R8
	VMOVDQU32 Z1, (R8)
	ADDQ      R13, R8
	VMOVDQU32 Z2, (R8)
	ADDQ      R13, R8
	VMOVDQU32 Z3, (R8)
	ADDQ      R13, R8
	VMOVDQU32 Z4, (R8)
	ADDQ      R13, R8
	VMOVDQU32 Z5, (R8)
	ADDQ      R13, R8
	VMOVDQU32 Z6, (R8)
	ADDQ      R13, R8
	VMOVDQU32 Z7, (R8)
	ADDQ      $64, DI
	DECQ      CX
	JNZ       block
	VZEROUPPER
	RET

// func scoreOneVNNI(scores *int32, blocks *byte, query *int8, start int32, dim, count int)
TEXT ·scoreOneVNNI(SB), NOSPLIT, $0-48
	MOVQ scores+0(FP), DI
	MOVQ blocks+8(FP), SI
	MOVQ query+16(FP), BX
	MOVQ dim+32(FP), DX
	MOVQ count+40(FP), CX
	LEAQ (BX)(DX*1), R12

	MOVL         start+24(FP), AX
	VPBROADCASTD AX, Z1

block:
	MOVQ      BX, AX
	VMOVDQA32 Z1, Z0

group:
	VMOVDQU32     (SI), Z8
	VPDPBUSD.BCST (AX), Z8, Z0
	ADDQ          $64, SI
	ADDQ          $4, AX
	CMPQ          AX, R12
	JB            group

	VMOVDQU32 Z0, (DI)
	ADDQ      $64, DI
	DECQ      CX
	JNZ       block
	VZEROUPPER
	RET

// func skipBelowAVX2(scores *int32, limit int32, groups int) int
TEXT ·skipBelowAVX2(SB), NOSPLIT, $0-32
	MOVQ         scores+0(FP), SI
	MOVL         limit+8(FP), AX
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0
	MOVQ         groups+16(FP), CX
	XORQ         AX, AX

	// limit > score fills a lane with ones.
group:
	VPCMPGTD  (SI), Y0, Y1
	VPCMPGTD  32(SI), Y0, Y2
	VPAND     Y1, Y2, Y1
	VPMOVMSKB Y1, DX
	CMPL      DX, $-1
	JNE       done
	ADDQ      $64, SI
	INCQ      AX
	CMPQ      AX, CX
	JB        group

done:
	MOVQ AX, ret+24(FP)
	VZEROUPPER
	RET

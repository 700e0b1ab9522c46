#include "textflag.h"

// func unpackNEON(dst []int16, keys, data []byte, carry uint16) (groups, used int, last uint16)
TEXT ·unpackNEON(SB), NOSPLIT, $0-98
	MOVD dst_base+0(FP), R0
	MOVD keys_base+24(FP), R1
	MOVD keys_len+32(FP), R2
	MOVD data_base+48(FP), R3
	MOVD data_len+56(FP), R4
	MOVHU carry+72(FP), R5
	ADD  R1, R2, R2           // the end of the keys
	ADD  R3, R4, R4
	SUB  $16, R4, R4          // the last address that may be loaded from
	MOVD $·shuffles(SB), R6
	MOVD $·lengths(SB), R7
	VDUP R5, V0.H8
	MOVD $1, R8
	VDUP R8, V1.H8
	VEOR V3.B16, V3.B16, V3.B16

group:
	CMP  R2, R1
	BHS  done
	CMP  R4, R3
	BGT  done
	MOVBU.P 1(R1), R8
	ADD  R8<<4, R6, R9
	VLD1 (R3), [V4.B16]
	VLD1 (R9), [V5.B16]
	VTBL V5.B16, [V4.B16], V4.B16
	MOVBU (R7)(R8), R10
	ADD  R10, R3, R3

	// Zigzag undone: (v >> 1) ^ −(v & 1).
	VUSHR $1, V4.H8, V5.H8
	VAND  V1.B16, V4.B16, V4.B16
	VSUB  V4.H8, V3.H8, V4.H8
	VEOR  V5.B16, V4.B16, V4.B16

	// The sum up to each word, in three steps: shifted up by 2, 4 and 8 bytes.
	VEXT $14, V4.B16, V3.B16, V5.B16
	VADD V5.H8, V4.H8, V4.H8
	VEXT $12, V4.B16, V3.B16, V5.B16
	VADD V5.H8, V4.H8, V4.H8
	VEXT $8, V4.B16, V3.B16, V5.B16
	VADD V5.H8, V4.H8, V4.H8

	VDUP V4.H[7], V6.H8
	VADD V0.H8, V4.H8, V4.H8
	VADD V6.H8, V0.H8, V0.H8
	VST1.P [V4.B16], 16(R0)
	B    group

done:
	VMOV V0.H[0], R5
	MOVH R5, last+96(FP)
	MOVD keys_base+24(FP), R8
	SUB  R8, R1, R1
	MOVD R1, groups+80(FP)
	MOVD data_base+48(FP), R8
	SUB  R8, R3, R3
	MOVD R3, used+88(FP)
	RET

package index

import (
	"crypto/sha256"
	"encoding/binary"
)

// Sealed is a file with this header, checksum and all.
func Sealed(header, rest []byte) []byte {
	sum := sha256.Sum256(header)
	file := binary.LittleEndian.AppendUint64([]byte(magic), uint64(len(header)))
	file = append(file, sum[:]...)
	return append(append(file, header...), rest...)
}

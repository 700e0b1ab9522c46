package wire

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// ContentType is the media type of a message.
const ContentType = "application/vnd.apache.arrow.stream"

// Encode appends the batch to dst as one message. It only reads the batch.
func Encode(dst []byte, b *Batch) ([]byte, error) {
	rec, err := b.message()
	if err != nil {
		return dst, fmt.Errorf("encode message: %w", err)
	}
	defer rec.Release()
	out := bytes.NewBuffer(dst)
	w := ipc.NewWriter(out, ipc.WithSchema(rec.Schema()))
	if err := w.Write(rec); err != nil {
		return dst, fmt.Errorf("encode message: %w", err)
	}
	if err := w.Close(); err != nil {
		return dst, fmt.Errorf("encode message: %w", err)
	}
	return out.Bytes(), nil
}

package ort

import (
	"fmt"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/porevec/porevec/embed"
)

// Tower runs a reference tower. Embed is safe for concurrent use; a call computes
// on the goroutine's own thread.
type Tower struct {
	tower   embed.Tower
	session *onnx.DynamicAdvancedSession
}

// NewTower opens a reference tower. It calls [Init].
func NewTower(tower embed.Tower) (*Tower, error) {
	session, err := newSession(tower.Model, "bases")
	if err != nil {
		return nil, err
	}
	return &Tower{tower: tower, session: session}, nil
}

// Tower is the tower that was opened.
func (t *Tower) Tower() embed.Tower { return t.tower }

// Embed writes the vectors of n windows of the given number of bases into out,
// which has n·Dim values. bases holds, for each window, the share of A at each of
// its bases, then those of C, G and T.
func (t *Tower) Embed(bases []float32, n, length int, out []float32) error {
	if n < 1 || length < 1 || len(bases) != 4*n*length || len(out) != n*t.tower.Dim {
		return fatal("embed bases", fmt.Errorf("%d values in, %d out, for %d windows of %d bases", len(bases), len(out), n, length))
	}
	var bound binding
	defer bound.release()
	in := bind(&bound, bases, int64(n), 4, 1, int64(length))
	embedding := bind(&bound, out, int64(n), int64(t.tower.Dim))
	if bound.err != nil {
		return fatal("embed bases", bound.err)
	}
	if err := t.session.Run([]onnx.Value{in}, []onnx.Value{embedding}); err != nil {
		return fatal(fmt.Sprintf("embed %d windows of %d bases", n, length), err)
	}
	return nil
}

// Close frees the session. No call of Embed may be under way.
func (t *Tower) Close() error { return t.session.Destroy() }

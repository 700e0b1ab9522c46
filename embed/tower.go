package embed

import (
	"fmt"
	"strings"

	"github.com/porevec/porevec/embed/internal/onnx"
)

// Tower is a reference tower: it maps bases into the space of a family of signal
// towers. Its graph takes
//
//	bases float32 [batch, 4, 1, length]  share of A, C, G and T in each base
//
// and gives rows of L2 norm 1 as a signal tower does.
type Tower struct {
	// Model describes the family. Its File and Digest are the reference tower's.
	Model
	// Signals are the digests (SHA-256 of the file, hex) of the signal towers in
	// whose space the vectors lie, by kind of file.
	Signals map[string]string
}

// Span is a window of a stretch of sequence, in bases from the stretch's start.
type Span struct{ Start, Length int }

// basesInputs are those of a reference tower.
var basesInputs = []onnx.Value{{Name: "bases", Type: onnx.Float32, Dims: []int64{-1, 4, 1, -1}}}

// FindTower finds the reference tower of a built-in encoder by its id, or of the
// one that an .onnx file belongs to: the tower is another file beside it.
func FindTower(name string) (Tower, error) {
	files := Artefacts(name)
	if strings.HasSuffix(name, ".onnx") {
		var err error
		if files, err = ArtefactsBeside(name); err != nil {
			return Tower{}, err
		}
	} else if _, err := ByID(name); err != nil {
		return Tower{}, err
	}
	return towerOf(name, files)
}

// towerOf puts the files of one encoder together.
func towerOf(name string, files []Artefact) (Tower, error) {
	t := Tower{Signals: make(map[string]string)}
	for _, a := range files {
		switch a.Kind {
		case KindReference:
			m, err := parse(a.Content, "reference", basesInputs)
			if err != nil {
				return Tower{}, fmt.Errorf("%s: %w", a.Name, err)
			}
			t.Model = m
		case KindGolden:
		default:
			m, err := Parse(a.Content)
			if err != nil {
				return Tower{}, fmt.Errorf("%s: %w", a.Name, err)
			}
			t.Signals[a.Kind] = m.Digest
		}
	}
	switch {
	case t.File == nil:
		return Tower{}, fmt.Errorf("%s: no reference tower lies beside it: a file <name>.%s.onnx of the same training is needed", name, KindReference)
	case len(t.Signals) == 0:
		return Tower{}, fmt.Errorf("%s: no signal tower lies beside it: the reference tower alone does not say which vectors it fits", name)
	}
	return t, nil
}

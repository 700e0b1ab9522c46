package embed

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/porevec/porevec/embed/models"
)

// ErrUnknownModel says that no built-in model has the id.
var ErrUnknownModel = errors.New("unknown model")

var builtIn = sync.OnceValue(func() []Model {
	var list []Model
	paths, _ := fs.Glob(models.Files, "*.int8.onnx") // fails on a malformed pattern only
	for _, path := range paths {
		file, _ := models.Files.ReadFile(path) // an empty file is refused by Parse
		m, err := Parse(file)
		if err != nil {
			// The tests parse every built-in file: this binary was never tested.
			panic(fmt.Sprintf("built-in model %s: %v", path, err))
		}
		list = append(list, m)
	}
	return list
})

// Models lists the built-in encoders by id.
func Models() []Model { return slices.Clone(builtIn()) }

// ByID finds a built-in encoder, or fails with [ErrUnknownModel].
func ByID(id string) (Model, error) {
	for _, m := range builtIn() {
		if m.ID == id {
			return m, nil
		}
	}
	return Model{}, fmt.Errorf("%w %q; built in: %s; any other is given as an .onnx file", ErrUnknownModel, id, ids(builtIn()))
}

// Load reads an encoder from a file.
func Load(path string) (Model, error) {
	file, err := readModelFile(path)
	if err != nil {
		return Model{}, err
	}
	m, err := Parse(file)
	if err != nil {
		return Model{}, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func ids(list []Model) string {
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.ID
	}
	return strings.Join(names, ", ")
}

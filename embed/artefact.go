package embed

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/porevec/porevec/embed/internal/onnx"
	"github.com/porevec/porevec/embed/models"
)

// The kinds of files that an encoder comes as; package models tells what they are.
const (
	KindINT8      = "int8"
	KindFP32      = "fp32"
	KindFP16      = "fp16"
	KindS8S8      = "s8s8"
	KindReference = "reference"
	KindGolden    = "golden"
)

// kinds in the order in which they are listed.
var kinds = []string{KindINT8, KindFP32, KindFP16, KindS8S8, KindReference, KindGolden}

// Artefact is one file of an encoder.
type Artefact struct {
	Kind    string
	Name    string // of the file
	Content []byte // not to be changed
}

// Artefacts are the files of a built-in encoder.
func Artefacts(id string) []Artefact { return artefacts(models.Files, id) }

// ArtefactsBeside reads the files that lie beside the one of path and belong to
// the same encoder by their names, that one among them.
func ArtefactsBeside(path string) ([]Artefact, error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	base, _ := splitName(name)
	list := artefacts(os.DirFS(dir), base)
	if !slices.ContainsFunc(list, func(a Artefact) bool { return a.Name == name }) {
		file, err := readModelFile(path)
		if err != nil {
			return nil, err
		}
		list = append(list, Artefact{Name: name, Content: file})
	}
	return list, nil
}

// artefacts finds the files of a base name.
func artefacts(files fs.FS, base string) []Artefact {
	entries, _ := fs.ReadDir(files, ".") // a folder that cannot be read has none
	var list []Artefact
	for _, e := range entries {
		found, kind := splitName(e.Name())
		if info, err := e.Info(); kind == "" || found != base || err != nil || !info.Mode().IsRegular() || info.Size() > onnx.MaxBytes {
			continue
		}
		if content, err := fs.ReadFile(files, e.Name()); err == nil {
			list = append(list, Artefact{Kind: kind, Name: e.Name(), Content: content})
		}
	}
	slices.SortFunc(list, func(a, b Artefact) int { return cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)) })
	return list
}

// splitName gives the base and the kind of a file's name, no kind where the name
// is not that of an artefact.
func splitName(name string) (base, kind string) {
	base, ok := strings.CutSuffix(name, ".onnx")
	if !ok {
		if base, ok = strings.CutSuffix(name, "."+KindGolden+".json"); ok {
			return base, KindGolden
		}
		return name, ""
	}
	if at := strings.LastIndexByte(base, '.'); at > 0 && base[at+1:] != KindGolden && slices.Contains(kinds, base[at+1:]) {
		return base[:at], base[at+1:]
	}
	return base, ""
}

// readModelFile reads a file that is not too large for an encoder.
func readModelFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > onnx.MaxBytes {
		return nil, fmt.Errorf("%s: %d bytes are too many for an encoder", path, info.Size())
	}
	return os.ReadFile(path)
}

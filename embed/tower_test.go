package embed_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/porevec/porevec/embed"
)

func TestFindTower(t *testing.T) {
	for _, m := range embed.Models() {
		tower, err := embed.FindTower(m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if tower.ID != m.ID || tower.Signals[embed.KindINT8] != m.Digest || len(tower.Signals) != 4 || tower.Digest == m.Digest {
			t.Errorf("%s: signals %v", m.ID, tower.Signals)
		}
		h, err := tower.Split()
		if err != nil {
			t.Fatal(err)
		}
		if h.Segments != 8 || h.Stride != 2 || h.Channels < 64 || len(h.Stem)+len(h.Head) > len(tower.File)+1000 {
			t.Errorf("%s: %d segments of %d channels, a frame for %d bases, %d and %d bytes of %d", m.ID, h.Segments, h.Channels, h.Stride, len(h.Stem), len(h.Head), len(tower.File))
		}
	}
}

func TestFindTowerBesideAFile(t *testing.T) {
	id := embed.Models()[0].ID
	dir := t.TempDir()
	for _, kind := range []string{"int8", "reference"} {
		content, err := os.ReadFile(filepath.Join("models", id+"."+kind+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, id+"."+kind+".onnx"), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, id+".int8.onnx")
	if tower, err := embed.FindTower(path); err != nil || len(tower.Signals) != 1 {
		t.Errorf("%v %v", tower.Signals, err)
	}
	if err := os.Remove(filepath.Join(dir, id+".reference.onnx")); err != nil {
		t.Fatal(err)
	}
	if _, err := embed.FindTower(path); err == nil || !strings.Contains(err.Error(), "no reference tower") {
		t.Errorf("without the tower: %v", err)
	}
	if _, err := embed.FindTower("dna_r12"); err == nil {
		t.Error("an unknown id was found")
	}
}

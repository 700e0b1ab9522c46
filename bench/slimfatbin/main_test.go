package main

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// container makes one with an image of 16 bytes for each architecture.
func container(archs ...uint32) []byte {
	var images []byte
	for _, arch := range archs {
		h := make([]byte, 64)
		binary.LittleEndian.PutUint16(h, 2)
		binary.LittleEndian.PutUint32(h[4:], 64)
		binary.LittleEndian.PutUint64(h[8:], 16)
		binary.LittleEndian.PutUint32(h[28:], arch)
		images = append(append(images, h...), bytes.Repeat([]byte{byte(arch)}, 16)...)
	}
	h := binary.LittleEndian.AppendUint32(nil, magic)
	h = binary.LittleEndian.AppendUint16(h, 1)
	h = binary.LittleEndian.AppendUint16(h, 16)
	return append(binary.LittleEndian.AppendUint64(h, uint64(len(images))), images...)
}

func TestSlim(t *testing.T) {
	section := append(append(container(80, 90), make([]byte, 8)...), container(90, 120, 120)...)
	want := bytes.Clone(section)
	for _, b := range []byte{80, 120} {
		want = bytes.ReplaceAll(want, bytes.Repeat([]byte{b}, 16), make([]byte, 16))
	}
	kept, zeroed, err := slim(section, 90)
	if err != nil || kept != 32 || len(zeroed) != 2 || zeroed[80] != 16 || zeroed[120] != 32 {
		t.Errorf("kept %d, zeroed %v, %v", kept, zeroed, err)
	}
	if !bytes.Equal(section, want) {
		t.Errorf("got  %x\nwant %x", section, want)
	}
}

func TestSlimRefuses(t *testing.T) {
	long := container(90)
	binary.LittleEndian.PutUint64(long[16+8:], 1<<63)
	for name, section := range map[string][]byte{
		"another architecture": container(80),
		"nothing":              nil,
		"something else":       bytes.Repeat([]byte("text"), 8),
		"cut":                  container(90)[:40],
		"an image too long":    long,
	} {
		if _, _, err := slim(section, 90); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

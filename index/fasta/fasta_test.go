package fasta

import (
	"bytes"
	"errors"
	"github.com/klauspost/compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.fa")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func packed(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

func readAll(path string) (records []Record, err error) {
	err = Read(path, func(r Record) error {
		records = append(records, r)
		return nil
	})
	return records, err
}

func TestRead(t *testing.T) {
	long := strings.Repeat("ACGT", 50_000)
	want := []Record{
		{"one", []Base{A, C, G, T, A, C, G, T, T}},
		{"two|x", []Base{N, A | G, C | T, C | G | T, N}},
		{"three", slices.Repeat([]Base{A, C, G, T}, 50_000)},
	}
	text := ">one first sequence\r\nACGT\r\n\r\nacgtu\r\n>two|x\n  NRy\nBX\n\n>three\n" + long
	for name, content := range map[string]string{"plain": text, "gzip": packed(text), "two gzip members": packed(text[:20]) + packed(text[20:])} {
		got, err := readAll(write(t, content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d records", name, len(got))
		}
		for i := range want {
			if got[i].Name != want[i].Name || !slices.Equal(got[i].Bases, want[i].Bases) {
				t.Errorf("%s: record %d is %q with %d bases", name, i, got[i].Name, len(got[i].Bases))
			}
		}
	}
}

func TestComplement(t *testing.T) {
	for b, want := range map[Base]Base{A: T, C: G, G: C, T: A, N: N, A | G: C | T, A | C: G | T, C | G | T: A | C | G} {
		if got := b.Complement(); got != want {
			t.Errorf("complement of %04b is %04b, want %04b", b, got, want)
		}
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	for content, want := range map[string]string{
		"":                                "the file is empty",
		"\n \n":                           "the file is empty",
		"@read\nACGT\n+\n!!!!\n":          "FASTQ",
		"\x00\x01\x02":                    "binary",
		"ACGT\n":                          "must begin with '>'",
		">\nACGT\n":                       "without a name",
		">a\n>b\nACGT\n":                  "line 2: a has no bases",
		">a\nACGT\n>b\n":                  "line 3: b has no bases",
		">a\nACGT\nAC-T\n":                "line 3: a: '-' is a gap",
		">p\nMKLV*\n":                     "is this a protein?",
		">a\nAC GT\n":                     "white space",
		">a\nAC\xffGT\n":                  "byte 0xff",
		">a\x01b\nACGT\n":                 "no text",
		">" + strings.Repeat("x", 70_000): "header of more than",
	} {
		_, err := readAll(write(t, content))
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "x.fa") {
			t.Errorf("%.40q: %v, want %q", content, err, want)
		}
	}
	if _, err := readAll(write(t, packed(">a\n" + strings.Repeat("ACGTTGCA", 1000))[:60])); err == nil || errors.Is(err, ErrFormat) {
		t.Errorf("a gzip file that is cut off: %v", err)
	}
	if _, err := readAll(filepath.Join(t.TempDir(), "none.fa")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{">a\nACGT\n", ">a b\r\nacgtn\r\n>c\nRYK\n", "@x\nA\n+\n!\n", "", packed(">a\nACGT\n")} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		records, err := readAll(write(t, string(content)))
		if err == nil && len(records) == 0 {
			t.Error("no record and no error")
		}
		for _, r := range records {
			if r.Name == "" || len(r.Bases) == 0 || slices.Contains(r.Bases, 0) {
				t.Errorf("record %q with %d bases", r.Name, len(r.Bases))
			}
		}
	})
}

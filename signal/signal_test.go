package signal

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestReadIDText(t *testing.T) {
	const text = "01234567-89ab-cdef-0123-456789abcdef"
	id, err := ParseReadID(text)
	if err != nil {
		t.Fatal(err)
	}
	if id.String() != text || id[0] != 0x01 || id[15] != 0xef {
		t.Errorf("ParseReadID(%q) = %v, bytes %x", text, id, id[:])
	}
	for _, bad := range []string{"", "0123", text + "0", "01234567-89ab-cdef-0123-456789abcdeg", "0123456789abcdef0123456789abcdef----"} {
		if _, err := ParseReadID(bad); !errors.Is(err, ErrReadID) {
			t.Errorf("ParseReadID(%q) gave %v, want ErrReadID", bad, err)
		}
	}
}

func TestClassOf(t *testing.T) {
	corrupt := &Error{Class: Corrupt, Op: "decode signal", File: "a.pod5", ReadID: "x", Err: errors.New("short")}
	for _, c := range []struct {
		err  error
		want Class
	}{
		{fmt.Errorf("wrapped: %w", corrupt), Corrupt},
		{context.Canceled, Cancelled},
		{&Error{Class: Transient, Err: context.Canceled}, Cancelled},
		{errors.New("plain"), Fatal},
	} {
		if got := ClassOf(c.err); got != c.want {
			t.Errorf("ClassOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
	if got, want := corrupt.Error(), "a.pod5: read x: decode signal: short"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestFlagsString(t *testing.T) {
	if got := (FlagTail | FlagHeadMissing).String(); got != "tail,head_missing" {
		t.Errorf("got %q", got)
	}
	if got := Flags(0).String(); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestBlockReleasesOnce(t *testing.T) {
	released := 0
	b := NewBlock(&Read{}, 0, make([]int16, 4), func() { released++ })
	b.Release()
	b.Release()
	if released != 1 || b.Samples != nil {
		t.Errorf("released %d times, samples %v", released, b.Samples)
	}
}

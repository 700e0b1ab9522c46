package ort

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/porevec/porevec/embed"
)

// A session for the CPU has all its operators there: the profile names them.
func TestForeignOperators(t *testing.T) {
	if err := Init(); err != nil && os.Getenv("POREVEC_ORT") == "" {
		t.Skip(err)
	}
	m := embed.Models()[0]
	list, err := foreignOperators(&m, CPU)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(list, ", ")
	for _, operator := range []string{"× QLinearConv", "× QuantizeLinear", "× Cast"} {
		if !strings.Contains(text, operator) {
			t.Errorf("%q is not in %s", operator, text)
		}
	}
	refusal := errors.New("this session contains graph nodes that are assigned to the default CPU EP, but fallback to CPU EP has been explicitly disabled by the user.")
	if err := explain(refusal, &m, CPU); !strings.Contains(err.Error(), "QLinearConv") {
		t.Error(err)
	}
	if other := errors.New("no such file"); explain(other, &m, CPU) != other {
		t.Error("another error is changed")
	}
}

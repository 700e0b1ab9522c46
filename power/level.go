package power

import (
	"fmt"
	"slices"
)

// Level is how much work is left out. Each leaves out what those before it do, and more.
type Level int

// The levels, in the order in which they are taken.
const (
	Everything  Level = iota
	NoOverlap         // chunks that overlap the one before are shed
	First8            // only the first 8 chunks of each read
	First4            //
	First2            //
	First1            //
	SmallWindow       // and with the model's shortest window
)

var levelNames = [...]string{"everything", "no_overlap", "first_8", "first_4", "first_2", "first_1", "small_window"}

// String is the level's name in messages and metrics.
func (l Level) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return fmt.Sprintf("level_%d", int(l))
	}
	return levelNames[l]
}

// UnmarshalText reads a name.
func (l *Level) UnmarshalText(text []byte) error {
	i := slices.Index(levelNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no level", text)
	}
	*l = Level(i)
	return nil
}

// MarshalText writes the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Chunks is how many chunks of each read are embedded at most; 0: all.
func (l Level) Chunks() int {
	switch l {
	case First8:
		return 8
	case First4:
		return 4
	case First2:
		return 2
	case First1, SmallWindow:
		return 1
	}
	return 0
}

// Does says what an operator gets of a live run.
func (l Level) Does() string {
	switch l {
	case Everything:
		return "embedding everything"
	case NoOverlap:
		return "embedding no overlapping chunks"
	case First1:
		return "embedding only the first chunk of each read"
	case SmallWindow:
		return "embedding only the first chunk of each read, in the shortest window"
	}
	return fmt.Sprintf("embedding only the first %d chunks of each read", l.Chunks())
}

package wire

import "strings"

// The kinds of subjects.
const (
	Emb   = "emb"   // vectors
	Read  = "read"  // begin and end of reads
	Stat  = "stat"  // one JSON object per second, not stored
	Hit   = "hit"   // search results
	Alert = "alert" // rules of a watch list that were fulfilled
)

const subjectPrefix = "porevec.v1."

// Subject names a stream of messages of one run on one position of one rig.
type Subject struct {
	Rig, Position, Run string
	Kind               string // Emb, Read, Stat, Hit or Alert
}

// String is the NATS subject porevec.v1.<rig>.<position>.<run>.<kind>.
func (s Subject) String() string {
	return subjectPrefix + strings.Join([]string{Token(s.Rig), Token(s.Position), Token(s.Run), s.Kind}, ".")
}

// Filter is the subject to subscribe to: empty parts stand for any.
func (s Subject) Filter() string {
	wild := func(part string) string {
		if part == "" {
			return "*"
		}
		return Token(part)
	}
	return subjectPrefix + strings.Join([]string{wild(s.Rig), wild(s.Position), wild(s.Run), wild(s.Kind)}, ".")
}

// ParseSubject is the inverse of String; false: the subject is not ours.
func ParseSubject(subject string) (Subject, bool) {
	parts := strings.Split(strings.TrimPrefix(subject, subjectPrefix), ".")
	if !strings.HasPrefix(subject, subjectPrefix) || len(parts) != 4 {
		return Subject{}, false
	}
	return Subject{Rig: parts[0], Position: parts[1], Run: parts[2], Kind: parts[3]}, true
}

// Token makes any text a part of a subject, [A-Za-z0-9_-]+: every other
// character becomes a hyphen, no text at all becomes "unknown".
func Token(s string) string {
	if s == "" {
		return "unknown"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '-':
			return r
		}
		return '-'
	}, s)
}

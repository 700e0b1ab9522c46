package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is something that goes wrong on purpose. Times are of the run's own clock.
//
//	gap:every=N            every Nth piece is never sent
//	dup:every=N            every Nth piece is sent twice
//	late:every=N           every Nth piece comes when the next read of its channel has begun
//	reset:at=T             all connections of the position break
//	goaway:at=T            the position asks its clients to go, and hangs up two seconds later
//	restart:at=T,for=D     the position is gone for D, then serves the same run on another port
//	stop:at=T,for=D        the run stops; after D another one begins
//	stall:at=T,for=D       nothing is sent for D
//	big:at=T               a message of 30 MB
//	muxscan:at=T,for=D     all reads end, and no new ones begin for D
//	pause:at=T,for=D       the same, and the run says that it is paused
//	token:at=T             the token expires; a new one is written
type Fault struct {
	Kind  string
	Every int
	At    time.Duration
	For   time.Duration
}

// faultKinds tells which settings a kind needs.
var faultKinds = map[string]struct{ every, at, length bool }{
	"gap": {every: true}, "dup": {every: true}, "late": {every: true},
	"reset": {at: true}, "goaway": {at: true}, "big": {at: true}, "token": {at: true},
	"restart": {at: true, length: true}, "stop": {at: true, length: true},
	"stall": {at: true, length: true}, "muxscan": {at: true, length: true}, "pause": {at: true, length: true},
}

// ParseFault reads a fault such as stall:at=30s,for=5s.
func ParseFault(text string) (Fault, error) {
	kind, settings, _ := strings.Cut(text, ":")
	needs, known := faultKinds[kind]
	if !known {
		return Fault{}, fmt.Errorf("fault %q: the kinds are %s", text, strings.Join(slices.Sorted(maps.Keys(faultKinds)), ", "))
	}
	f := Fault{Kind: kind}
	var at, length bool
	for _, setting := range strings.FieldsFunc(settings, func(r rune) bool { return r == ',' }) {
		name, value, _ := strings.Cut(setting, "=")
		var err error
		switch name {
		case "every":
			if f.Every, err = strconv.Atoi(value); err != nil {
				err = fmt.Errorf("every=%s is no whole number", value)
			}
		case "at":
			f.At, err = time.ParseDuration(value)
			at = true
		case "for":
			f.For, err = time.ParseDuration(value)
			length = true
		default:
			err = fmt.Errorf("it has no setting %q", name)
		}
		if err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", text, err)
		}
	}
	if needs.every != (f.Every > 0) || needs.at != at || needs.length != length || f.Every < 0 || f.At < 0 || f.For < 0 {
		return Fault{}, fmt.Errorf("fault %q: it is written like gap:every=20, reset:at=30s or stall:at=30s,for=5s", text)
	}
	return f, nil
}

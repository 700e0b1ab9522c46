package simulator

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Config says what is served and how. Zero values mean the defaults told at each field.
type Config struct {
	// Paths are POD5 and FAST5 files, of which the reads of the first run are served.
	Paths []string

	Positions int    // 1
	Channels  int    // of each position, 1 to 3000; 512
	Name      string // of the position, or the beginning of its name where there are several; that of the run
	// Listen is the address to serve on; 127.0.0.1.
	Listen string
	// ManagerPort is where the manager listens; 0: any free port.
	ManagerPort int
	// Dir is where ca.crt and the token are written; it must exist.
	Dir string
	// Guests lets clients in that show no token.
	Guests bool

	// Pace is how fast the clock of a run goes; 1 is real time, the default.
	Pace float64
	// Hold keeps the clock of a run still until a first client streams.
	Hold bool
	// Piece is how much of a read is sent at a time; 800 ms.
	Piece time.Duration
	// MessageChannels is how many channels a message holds at most; 32.
	MessageChannels int
	// Recorded puts reads where they were recorded: on their channel, at their time from
	// the first one on. Otherwise they fill the channels, one after the other.
	Recorded bool
	// Ends sends the last piece of a read too, however late, which MinKNOW does not.
	Ends bool
	// Repeat begins again when all reads are through, with new ids.
	Repeat bool
	// Length ends the run after so much time of its own; 0: when all reads are through.
	Length time.Duration
	// Calibration is a short acquisition before the run, as MinKNOW has it; 0: none.
	Calibration time.Duration
	// NoOffsets sends 0 for all positions, as some other servers do.
	NoOffsets bool
	// Without are calls, by their names, that are answered UNIMPLEMENTED.
	Without []string
	Faults  []Fault
	// Books keeps what was sent of each read, for Sent.
	Books bool
	Log   *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Positions == 0 {
		c.Positions = 1
	}
	if c.Channels == 0 {
		c.Channels = 512
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1"
	}
	if c.Pace == 0 {
		c.Pace = 1
	}
	if c.Piece == 0 {
		c.Piece = 800 * time.Millisecond
	}
	if c.MessageChannels == 0 {
		c.MessageChannels = 32
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate names every problem of the configuration.
func (c Config) Validate() error {
	var errs []error
	if len(c.Paths) == 0 {
		errs = append(errs, errors.New("no files to serve are given"))
	}
	if c.Positions < 1 || c.Positions > 48 {
		errs = append(errs, fmt.Errorf("%d positions: must be 1 to 48", c.Positions))
	}
	if c.Channels < 1 || c.Channels > 3000 {
		errs = append(errs, fmt.Errorf("%d channels: must be 1 to 3000", c.Channels))
	}
	if !(c.Pace > 0) || c.Pace > 1000 {
		errs = append(errs, fmt.Errorf("pace of %g: must be above 0, and at most 1000", c.Pace))
	}
	if c.Piece < 10*time.Millisecond {
		errs = append(errs, fmt.Errorf("pieces of %v: must be at least 10ms", c.Piece))
	}
	if c.MessageChannels < 1 || c.Length < 0 || c.Calibration < 0 {
		errs = append(errs, errors.New("numbers of channels and times must not be negative"))
	}
	if c.Recorded && c.Repeat {
		errs = append(errs, errors.New("reads at their recorded times cannot be repeated"))
	}
	for _, f := range c.Faults {
		if f.Kind == "stop" && c.Recorded {
			errs = append(errs, errors.New("a run at its recorded times cannot be stopped and begun again"))
		}
	}
	if c.Dir == "" {
		errs = append(errs, errors.New("a folder for certificate and token is needed"))
	}
	return errors.Join(errs...)
}

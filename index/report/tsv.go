package report

import (
	"fmt"

	"github.com/porevec/porevec/index/search"
)

// The columns of TSV. start and end are bases on the forward strand, from 0, end
// excluded; where nothing was found, target, start, end and strand are "*".
// probability is that of the place, target_probability that of the target. samples
// are those of the read that were heard, read_seconds the time that takes;
// seconds is the time since the start of the acquisition.
const tsvHeader = "read_id\trun\tchannel\ttarget\tstart\tend\tstrand\tprobability\ttarget_probability\tcalled\tfinal\t" +
	"chunks\tsamples\tlead_nats\tread_seconds\tseconds\n"

func appendTSV(dst []byte, a *search.Answer, _ *Options) []byte {
	dst = fmt.Appendf(dst, "%s\t%s\t%d\t", a.ReadID, clean(run(a)), a.Channel)
	if a.Found {
		p := &a.Place
		dst = fmt.Appendf(dst, "%s\t%d\t%d\t%c\t", clean(p.Target), p.Start, p.End, strand(p))
	} else {
		dst = append(dst, "*\t*\t*\t*\t"...)
	}
	return fmt.Appendf(dst, "%.4f\t%.4f\t%s\t%s\t%d\t%d\t%.2f\t%.2f\t%.2f\n", a.Probability, a.TargetProbability,
		yes(a.Called), yes(a.Final), a.Chunks, a.Samples, a.LeadNats, a.ReadSeconds(), a.Seconds())
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func run(a *search.Answer) string {
	if a.Run == nil {
		return ""
	}
	return a.Run.AcquisitionID
}

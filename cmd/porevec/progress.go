package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/porevec/porevec/pipeline"
)

// showProgress draws a bar on stderr until the returned function is called. It
// does nothing when stderr is no terminal. Position and total are bytes of the
// input; the text shows what people count in.
func showProgress(quiet bool, position func() (done, total int64), report func() pipeline.Report) (finish func()) {
	if quiet || !isTerminal(os.Stderr) {
		return func() {}
	}
	_, total := position()
	bar := newBar(total)
	stop := every(200*time.Millisecond, func() {
		r := report()
		bar.Describe(fmt.Sprintf("%s reads  %s samples/s", count(r.Reads), count(perSecond(r.Samples, r.Elapsed))))
		done, total := position()
		bar.ChangeMax64(max(total, 1))  // more files may have come
		_ = bar.Set64(min(done, total)) // a bar that cannot be drawn stops nothing
	})
	return func() {
		stop()
		_ = bar.Finish()
	}
}

func newBar(total int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(max(total, 1),
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionFullWidth(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
	)
}

// showCount draws a bar on stderr of things that are counted by progress, until
// finish is called. progress may be called from any goroutine.
func showCount(quiet bool, things string) (progress func(done, total int), finish func()) {
	if quiet || !isTerminal(os.Stderr) {
		return func(int, int) {}, func() {}
	}
	var done, total atomic.Int64
	bar := newBar(1)
	stop := every(200*time.Millisecond, func() {
		bar.ChangeMax64(max(total.Load(), 1))
		bar.Describe(fmt.Sprintf("%s of %s %s", count(uint64(done.Load())), count(uint64(total.Load())), things))
		_ = bar.Set64(done.Load()) // a bar that cannot be drawn stops nothing
	})
	progress = func(n, of int) {
		done.Store(int64(n))
		total.Store(int64(of))
	}
	return progress, func() {
		stop()
		_ = bar.Finish()
	}
}

func perSecond(n uint64, d time.Duration) uint64 {
	if d <= 0 {
		return 0
	}
	return uint64(float64(n) / d.Seconds())
}

// count prints a number the way people read it: 1234 → 1.23k.
func count(n uint64) string {
	switch {
	case n < 10_000:
		return fmt.Sprint(n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1fk", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.2fM", float64(n)/1e6)
	default:
		return fmt.Sprintf("%.2fG", float64(n)/1e9)
	}
}

// counted is how many there are of something: 1 run, 2 runs.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

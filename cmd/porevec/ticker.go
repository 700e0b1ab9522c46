package main

import "time"

// every calls f again and again until the returned function is called, which
// waits for a call under way.
func every(interval time.Duration, f func()) (finish func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				f()
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

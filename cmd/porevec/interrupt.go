package main

import (
	"errors"
	"os"
	ossignal "os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// interruptible lets the context of a command end when it is to be interrupted, so that
// what it defers is still done.
func interruptible(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, stop := ossignal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		cmd.SetContext(ctx)
		err := run(cmd, args)
		if err != nil && ctx.Err() != nil {
			return exit(exitInterrupted, errors.New("interrupted"))
		}
		return err
	}
}

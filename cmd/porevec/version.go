package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/internal/version"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Which porevec this is",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "porevec version %s\n", version.Version)
			return failure(err)
		},
	}
}

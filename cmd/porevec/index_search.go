package main

import "github.com/spf13/cobra"

func newIndexSearch(g *global) *cobra.Command { return &cobra.Command{Use: "search"} }

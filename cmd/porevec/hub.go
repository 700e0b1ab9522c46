package main

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	ossignal "os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/hub"
)

// defaultHub is where a hub keeps its stream and its keys.
const defaultHub = "porevec-hub"

func newHub(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Gather the vectors of many rigs in one place",
		Long: `A hub gathers the streams of rigs. A rig needs no network to work: it keeps its
vectors, and whenever it reaches the hub, what the hub lacks is sent, in order, once,
while the rig goes on. Rigs connect to the hub; the hub connects to nobody.

On the hub's computer: init, once; serve; invite, for each rig. On the rig: join. The
invitation is a small file with the rig's key in it: carry it there as you would carry a
key, on a stick for instance.`,
		Example: `  porevec hub init --name hub.example,10.0.0.5     on the hub
  porevec hub serve
  porevec hub invite rig1                          makes rig1.creds
  porevec hub join --creds rig1.creds              on the rig; then embed, watch or live as before
  porevec hub sync                                 on the rig: send what is left, then end`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newHubInit(), newHubServe(g), newHubInvite(g), newHubRemove(), newHubList(), newHubRuns(g), newHubDrop(g), newHubJoin(g), newHubLeave(), newHubSync(g))
	return cmd
}

func newHubInit() *cobra.Command {
	var store string
	var names []string
	var rigs, clients int
	cmd := &cobra.Command{
		Use:     "init --name HOST[,HOST...]",
		Short:   "Make a hub: its keys, and a certificate for its names",
		Example: `  porevec hub init --name hub.example,10.0.0.5`,
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(names) == 0 {
				return usageError("--name is missing: under which name or address do rigs find this computer?")
			}
			h, err := hub.Make(store)
			if err != nil {
				return exit(exitFailure, err)
			}
			old, err := h.Address()
			if err != nil {
				return exit(exitFailure, err)
			}
			if old.Rigs != "" {
				return usageError("there is a hub in %s already, at %s: a new certificate would shut its members out", store, old.Rigs)
			}
			ca, err := h.MakeTLS(names)
			if err != nil {
				return exit(exitFailure, err)
			}
			at := hub.Address{
				Rigs:    "tls://" + net.JoinHostPort(names[0], fmt.Sprint(rigs)),
				Clients: "tls://" + net.JoinHostPort(names[0], fmt.Sprint(clients)), CA: ca,
			}
			if err := h.SetAddress(at); err != nil {
				return exit(exitFailure, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "A hub in %s, for rigs at %s and subscribers at %s.\nKeep a copy of %s/hub in a safe place: whoever has it is the hub.\n"+
				"Next: 'porevec hub serve', and 'porevec hub invite RIG'.\n", store, at.Rigs, at.Clients, store)
			return failure(err)
		},
	}
	flags := cmd.Flags()
	hubStore(cmd, &store)
	flags.StringSliceVar(&names, "name", nil, "names and addresses under which rigs find this computer; the first one goes into invitations")
	flags.IntVar(&rigs, "rigs-port", 7422, "port for rigs")
	flags.IntVar(&clients, "clients-port", 4222, "port for subscribers")
	return cmd
}

func hubStore(cmd *cobra.Command, store *string) {
	cmd.Flags().StringVar(store, "store", defaultHub, "folder of the hub")
}

func newHubServe(g *global) *cobra.Command {
	var store, rigs, clients, certificate, key string
	var spool, minFree byteSize
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the hub",
		Long: `serve runs the hub until it is interrupted. Rigs and subscribers may be invited and
removed meanwhile. What others can reach is served with TLS and to members alone.`,
		Example: `  porevec hub serve
  porevec hub serve --rigs 0.0.0.0:7422 --tls-cert hub.crt --tls-key hub.key
  porevec subscribe --nats tls://hub.example:4222 --nats-creds reader.creds`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (certificate == "") != (key == "") {
				return usageError("--tls-cert and --tls-key go together")
			}
			h, err := hub.Open(store)
			if err != nil {
				return exit(exitFailure, err)
			}
			var config *tls.Config
			if certificate != "" {
				config, err = hub.LoadTLS(certificate, key)
			} else {
				config, err = h.TLS()
			}
			if err != nil {
				return exit(exitFailure, err)
			}
			at, err := h.Address()
			if err != nil {
				return exit(exitFailure, err)
			}
			if !cmd.Flags().Changed("rigs") {
				rigs = net.JoinHostPort("0.0.0.0", cmp.Or(portOf(at.Rigs), "7422"))
			}
			if !cmd.Flags().Changed("clients") {
				clients = net.JoinHostPort("0.0.0.0", cmp.Or(portOf(at.Clients), "4222"))
			}
			log := g.logger()
			ctx, stop := ossignal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			s, err := hub.Serve(ctx, hub.Config{Store: store, Rigs: rigs, Clients: clients, TLS: config, StoreBytes: int64(spool), MinFree: int64(minFree), Log: log})
			if errors.Is(err, hub.ErrNeedsTLS) {
				err = fmt.Errorf("%w ('porevec hub init' makes a certificate)", err)
			}
			if err != nil {
				return exit(exitFailure, err)
			}
			defer s.Close()
			forRigs, forClients := s.Addresses()
			log.Info("the hub runs", "rigs", forRigs, "subscribers", forClients, "store", store)
			<-ctx.Done()
			return nil
		},
	}
	flags := cmd.Flags()
	hubStore(cmd, &store)
	flags.StringVar(&rigs, "rigs", "", "address to serve rigs on (default: all of this computer, the port of 'hub init')")
	flags.StringVar(&clients, "clients", "", "address to serve subscribers on; '' serves none (default: all of this computer, the port of 'hub init')")
	flags.StringVar(&certificate, "tls-cert", "", "certificate (PEM), instead of the one of 'hub init'")
	flags.StringVar(&key, "tls-key", "", "its key")
	flags.Var(&spool, "spool", "most that the stream may take, e.g. 2TB; then rigs keep what is new until there is room (0: as much as the disk has)")
	flags.Var(&minFree, "min-free", "what the disk of --store keeps free, e.g. 10GB; then likewise (0: 2GiB, or 5 % of a smaller disk)")
	return cmd
}

// portOf is the port of a URL; "" where there is none.
func portOf(address string) string {
	at, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return at.Port()
}

func newHubInvite(g *global) *cobra.Command {
	var store, output string
	var subscriber bool
	cmd := &cobra.Command{
		Use:   "invite NAME",
		Short: "Let a rig or a subscriber in: makes its credentials file",
		Example: `  porevec hub invite rig1                       for 'porevec hub join'
  porevec hub invite lab --subscriber           for whoever reads vectors, with any NATS client`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			role := hub.Rig
			if subscriber {
				role = hub.Subscriber
			}
			if output == "" {
				output = names[0] + ".creds"
			}
			h, err := hub.Open(store)
			if err != nil {
				return exit(exitFailure, err)
			}
			file, err := os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, os.ErrExist) {
				return usageError("%s exists, and may be the key of a member: move it away, or name another file with -o", output)
			}
			if err != nil {
				return exit(exitFailure, err)
			}
			defer file.Close()
			creds, err := h.Add(names[0], role)
			if err != nil {
				_ = os.Remove(output)
				return exit(exitUsage, err)
			}
			if _, err := file.Write(creds); err != nil {
				return exit(exitFailure, err)
			}
			if hub.ParseAddress(creds).Rigs == "" {
				g.logger().Warn("the hub does not know its own address, so it is not in the invitation: 'porevec hub init' was not finished, and members have to be told")
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is the key of %s: give it to nobody else. %s\n", output, names[0], nextStep(role, output, hub.ParseAddress(creds)))
			return failure(err)
		},
	}
	hubStore(cmd, &store)
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write (default: NAME.creds)")
	cmd.Flags().BoolVar(&subscriber, "subscriber", false, "somebody who only reads")
	return cmd
}

func nextStep(role hub.Role, file string, at hub.Address) string {
	if role == hub.Rig {
		return "On the rig: porevec hub join --creds " + file
	}
	return fmt.Sprintf("To read: porevec subscribe --nats %s --nats-creds %s", at.Clients, file)
}

func newHubRemove() *cobra.Command {
	var store string
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Shut a member out; what came from it stays",
		Example: `  porevec hub remove rig1
  porevec hub invite rig1                       lets it in again, with a new key`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, names []string) error {
			h, err := hub.Open(store)
			if err != nil {
				return exit(exitFailure, err)
			}
			if err := h.Remove(names[0]); err != nil {
				return exit(exitUsage, err)
			}
			return nil
		},
	}
	hubStore(cmd, &store)
	return cmd
}

func newHubList() *cobra.Command {
	var store string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Who is a member, and how far each rig has got",
		Example: `  porevec hub list
  porevec hub list --json | jq -r 'select(.connected).name'`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := hub.Open(store)
			if err != nil {
				return exit(exitFailure, err)
			}
			members, err := h.Members()
			if err != nil {
				return exit(exitFailure, err)
			}
			status, err := h.Status()
			if err != nil {
				return exit(exitFailure, err)
			}
			return failure(listHub(cmd.OutOrStdout(), members, status, asJSON))
		},
	}
	hubStore(cmd, &store)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object per member")
	return cmd
}

// listedMember is what hub list --json prints of each.
type listedMember struct {
	hub.Member
	Connected bool      `json:"connected"`
	Sequence  uint64    `json:"sequence,omitempty"`
	Last      time.Time `json:"last,omitzero"` // message that came
}

func listHub(w io.Writer, members []hub.Member, status hub.Status, asJSON bool) error {
	rigs := make(map[string]hub.RigStatus)
	for _, r := range status.Rigs {
		rigs[r.Name] = r
	}
	runs := time.Since(status.Time) < 10*time.Second
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintf(out, "MEMBER\tROLE\tSINCE\tSTATE\tMESSAGES\tLAST\n")
	}
	for _, m := range members {
		r := rigs[m.Name]
		listed := listedMember{m, runs && r.Connected, r.Sequence, r.Last}
		if asJSON {
			if err := json.NewEncoder(w).Encode(listed); err != nil {
				return err
			}
			continue
		}
		state, messages, last := "-", "", ""
		switch {
		case !m.Removed.IsZero():
			state = "removed"
		case m.Role == hub.Rig && !runs:
			state = "the hub does not run"
		case m.Role == hub.Rig && r.Connected:
			state = "connected"
		case m.Role == hub.Rig:
			state = "away"
		}
		if m.Role == hub.Rig {
			messages = fmt.Sprint(r.Sequence)
		}
		if !r.Last.IsZero() {
			last = r.Last.Format(time.DateTime)
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, m.Role, m.Added.Format(time.DateOnly), state, messages, last)
	}
	if runs && status.Waiting != "" && !asJSON {
		fmt.Fprintf(out, "\nThe hub takes nothing more: %s.\n", status.Waiting)
	}
	return out.Flush()
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	ossignal "os/signal"
	"syscall"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"github.com/porevec/porevec/hub"
	"github.com/porevec/porevec/sink/jetstream"
)

func newHubJoin(g *global) *cobra.Command {
	var store, creds, ca string
	var insecure bool
	cmd := &cobra.Command{
		Use:   "join [URL] --creds FILE",
		Short: "Let this rig's stream be gathered by a hub",
		Long: `join makes the store a member of the hub that the invitation is of. From then on,
whatever opens the store (embed, watch, live, hub sync) also connects to the hub, and
the rig has the name that the hub gave it. Without a network everything goes on as
before. The hub's address is in the invitation; URL overrides it.

Any NATS server can be a hub: name its URL, a credentials file with a user of the
account that gathers, and the rig (--creds, --ca); its stream has to source domain RIG.`,
		Example: `  porevec hub join --creds rig1.creds
  porevec hub join tls://hub.example:7422 --creds rig1.creds
  porevec hub join tls://10.0.0.5:7422 --creds rig1.creds --ca hub-ca.pem`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, urls []string) error {
			if creds == "" {
				return usageError("--creds is missing: 'porevec hub invite' on the hub makes that file")
			}
			text, err := os.ReadFile(creds)
			if err != nil {
				return inputError(err)
			}
			rig, err := invitee(text)
			if err != nil {
				return exit(exitInput, fmt.Errorf("%s: %w", creds, err))
			}
			at := hub.ParseAddress(text)
			if len(urls) > 0 {
				at.Rigs = urls[0]
			}
			if at.Rigs == "" {
				return usageError("%s does not say where the hub is: say it, like tls://hub.example:7422", creds)
			}
			if ca != "" {
				if at.CA, err = os.ReadFile(ca); err != nil {
					return inputError(err)
				}
			}
			if err := checkNames(cmd.Context(), g, store, rig); err != nil {
				return err
			}
			if err := (jetstream.Join{URL: at.Rigs, Rig: rig, Insecure: insecure}).Save(store, text, at.CA); err != nil {
				return exit(exitUsage, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Store %s belongs to hub %s as rig %s. A program that has the store open now connects when it is started again.\n", store, at.Rigs, rig)
			return failure(err)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&store, "store", defaultStore, "folder of the embedded server's stream")
	flags.StringVar(&creds, "creds", "", "the invitation: a credentials file")
	flags.StringVar(&ca, "ca", "", "certificate of the hub's authority (PEM), where it is not in the invitation")
	flags.BoolVar(&insecure, "insecure", false, "connect without TLS, though others may read and forge what is sent")
	return cmd
}

// checkNames refuses a store with vectors of another name, which the hub would not
// take: what is known to be stored under that name would be embedded again.
func checkNames(ctx context.Context, g *global, store, rig string) error {
	if _, err := os.Stat(store); err != nil {
		return nil // the store is yet to be made
	}
	names, err := jetstream.Rigs(ctx, store, g.logger())
	if err != nil {
		return exit(exitDelivery, err)
	}
	for _, name := range names {
		if name != rig {
			return exit(exitUsage, fmt.Errorf("store %s holds vectors of rig %s, and the hub knows this rig as %s, whose vectors alone it would gather: "+
				"invite it as %s, or join with another --store", store, name, rig, name))
		}
	}
	return nil
}

// invitee is the name in a credentials file of a rig.
func invitee(creds []byte) (string, error) {
	token, err := nkeys.ParseDecoratedJWT(creds)
	if err != nil {
		return "", fmt.Errorf("this is no credentials file: %w", err)
	}
	claims, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return "", fmt.Errorf("this is no credentials file: %w", err)
	}
	if _, err := nkeys.ParseDecoratedNKey(creds); err != nil {
		return "", fmt.Errorf("the credentials file holds no key: %w", err)
	}
	if may := claims.AllowedConnectionTypes; len(may) > 0 && !may.Contains(jwt.ConnectionTypeLeafnode) && !may.Contains(jwt.ConnectionTypeLeafnodeWS) {
		return "", fmt.Errorf("these are the credentials of a subscriber, %s, with which the hub lets no rig in: 'porevec hub invite RIG' there makes those of a rig", claims.Name)
	}
	return claims.Name, nil
}

func newHubLeave() *cobra.Command {
	var store string
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "End the membership of this rig; what the hub has stays there",
		Args:  args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if err := jetstream.Leave(store); err != nil {
				return exit(exitUsage, err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&store, "store", defaultStore, "folder of the embedded server's stream")
	return cmd
}

func newHubSync(g *global) *cobra.Command {
	var store, listen string
	var follow bool
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Send the hub what it lacks, then end",
		Long: `sync opens the store and ends when the hub has all of it on disk. A program that has
the store open (embed, watch, live) does the same while it runs; sync is for the time
after. With --follow it stays. When the hub refuses the rig, which it does once the rig
was removed there, sync says so and ends with exit code 6.`,
		Example: `  porevec hub sync
  porevec hub sync --follow --listen 127.0.0.1:4222     the store is also there for subscribers`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := ossignal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			join, err := jetstream.LoadJoin(store)
			if err != nil {
				return exit(exitFailure, err)
			}
			if join == nil {
				return usageError("store %s is in no hub: 'porevec hub join' first", store)
			}
			stream, err := jetstream.Open(ctx, jetstream.Config{Store: store, Listen: listen, Log: g.logger()})
			if err != nil {
				return exit(exitDelivery, err)
			}
			defer stream.Close()
			behind, err := syncHub(ctx, g, stream, join.URL, follow)
			if errors.Is(err, jetstream.ErrRefused) {
				return exit(exitDelivery, fmt.Errorf("%w (messages left to send: %d)", err, behind))
			}
			if err != nil {
				return exit(exitInterrupted, fmt.Errorf("interrupted; %d messages are left, and stay in the store", behind))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The hub has everything of store %s.\n", store)
			return failure(err)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&store, "store", defaultStore, "folder of the embedded server's stream")
	flags.StringVar(&listen, "listen", "", "let others on this computer connect meanwhile, e.g. 127.0.0.1:4222")
	flags.BoolVar(&follow, "follow", false, "stay, and send what comes later too")
	return cmd
}

// syncHub waits until the hub has everything, or for ever, and tells how it goes. Its
// error is that of the context, or that the hub refuses the rig.
func syncHub(ctx context.Context, g *global, stream *jetstream.Sink, url string, follow bool) (behind uint64, err error) {
	show := !g.quiet && isTerminal(os.Stderr)
	log := g.logger()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	began, heard, told := time.Now(), false, false
	for {
		progress, lacks, _ := stream.Hub(ctx)
		if ctx.Err() == nil {
			behind = lacks
		}
		if !progress.Told.IsZero() && !heard {
			heard = true
			log.Info("the hub is there", "url", url, "messages_to_send", lacks)
		}
		if !heard && !told && time.Since(began) > 10*time.Second {
			told = true
			log.Warn("the hub has not been reached yet; trying on", "url", url)
		}
		if show {
			fmt.Fprintf(os.Stderr, "\r%d messages to send   ", lacks)
		}
		if heard && lacks == 0 && !follow {
			return 0, nil
		}
		select {
		case <-ctx.Done():
			if follow && behind == 0 && heard {
				return 0, nil
			}
			return behind, ctx.Err()
		case <-stream.Refused().Done():
			return behind, jetstream.ErrRefused
		case <-tick.C:
		}
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/porevec/porevec/index/report"
	"github.com/porevec/porevec/index/search"
	"github.com/porevec/porevec/index/watchlist"
	"github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

// overStream searches the vectors of a stream as they come, and publishes the
// answers beside them.
func (f *searchFlags) overStream(ctx context.Context, g *global, a *answers) error {
	cfg, err := f.stream.config()
	if err != nil {
		return err
	}
	log := g.logger()
	cfg.Log = log
	subscription, err := jetstream.Subscribe(ctx, cfg)
	if err != nil {
		return subscribeError(err)
	}
	defer subscription.Close()
	p := publisher{to: subscription, on: f.publish, index: a.digest, last: make(map[string]*jetstream.Message)}
	refused := refusals{log: log}
	messages := 0
	for {
		message, err := f.stream.next(ctx, subscription)
		switch {
		case ctx.Err() != nil:
			return errors.Join(p.publishEnd(a), exit(exitInterrupted, errInterrupted))
		case errors.Is(err, io.EOF), errors.Is(err, context.DeadlineExceeded):
			if err := p.publishEnd(a); err != nil {
				return exit(exitFailure, err)
			}
			return passedOver(refused.messages+int(subscription.Skipped()), refused.messages, messages+int(subscription.Skipped()), "messages")
		case err != nil:
			return exit(exitFailure, err)
		}
		messages++
		found, alerts, err := a.take(message.Batch)
		if errors.Is(err, search.ErrMismatch) {
			refused.add(message, err)
			continue
		}
		if err == nil {
			err = p.publish(ctx, message, found, alerts)
		}
		if err != nil {
			return exit(exitFailure, err)
		}
	}
}

// refusals names each kind of vectors that cannot be searched once.
type refusals struct {
	log      *slog.Logger
	named    map[string]bool
	messages int
}

func (r *refusals) add(message *jetstream.Message, err error) {
	r.messages++
	if key := message.Subject.String() + err.Error(); !r.named[key] {
		if r.named == nil {
			r.named = make(map[string]bool)
		}
		r.named[key] = true
		r.log.Error("vectors are passed over", "subject", message.Subject.String(), "error", err)
	}
}

// publisher stores answers and alarms in the stream that the vectors came from.
type publisher struct {
	to    *jetstream.Subscription
	on    bool
	index string                        // digest
	last  map[string]*jetstream.Message // of each run
}

// publish makes one message of the answers that a message of vectors gave: a line
// of JSON each. Its id is made of that message's place, so that a second search of
// the same stream with the same index does not store it twice within an hour.
func (p *publisher) publish(ctx context.Context, from *jetstream.Message, found []search.Answer, alerts []watchlist.Alert) error {
	p.last[from.Batch.Run.AcquisitionID] = from
	return p.publishAs(ctx, from, "", found, alerts)
}

// publishEnd gives up the reads that are still open and publishes what was known of
// them. It does so even when the program is being stopped.
func (p *publisher) publishEnd(a *answers) error {
	found := a.search.End()
	alerts, err := a.write(found)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), searchDrain)
	defer cancel()
	for run, from := range p.last {
		ofRun := slices.DeleteFunc(slices.Clone(found), func(a search.Answer) bool { return a.Run.AcquisitionID != run })
		raised := slices.DeleteFunc(slices.Clone(alerts), func(a watchlist.Alert) bool { return a.Run != run })
		if err := p.publishAs(ctx, from, "end", ofRun, raised); err != nil {
			return err
		}
	}
	return nil
}

func (p *publisher) publishAs(ctx context.Context, from *jetstream.Message, part string, found []search.Answer, alerts []watchlist.Alert) error {
	if !p.on {
		return nil
	}
	if len(found) > 0 {
		var lines []byte
		for i := range found {
			lines = append(report.AppendJSON(lines, &found[i]), '\n')
		}
		if err := p.send(ctx, from, wire.Hit, part, lines); err != nil {
			return err
		}
	}
	for _, alert := range alerts {
		object, err := json.Marshal(alert)
		if err != nil {
			return err
		}
		if err := p.send(ctx, from, wire.Alert, part+"/"+alert.Group, object); err != nil {
			return err
		}
	}
	return nil
}

func (p *publisher) send(ctx context.Context, from *jetstream.Message, kind, part string, payload []byte) error {
	subject := from.Subject
	subject.Kind = kind
	id := fmt.Sprintf("%s/%s/%d/%s", subject, p.index, from.Sequence, part)
	return p.to.Publish(ctx, subject, "application/x-ndjson", id, payload)
}

// Command go follows a porevec stream and says of each chunk how much it is like the one
// before it in the same read.
//
//	go run ./examples/go -nats nats://127.0.0.1:4222
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

func main() {
	var cfg jetstream.SubscribeConfig
	flag.StringVar(&cfg.URL, "nats", "nats://127.0.0.1:4222", "server of porevec's --listen")
	flag.BoolVar(&cfg.New, "new", false, "only what comes from now on")
	flag.BoolVar(&cfg.End, "end", false, "end with what is stored now")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, cfg, os.Stdout); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg jetstream.SubscribeConfig, out io.Writer) error {
	sub, err := jetstream.Subscribe(ctx, cfg)
	if err != nil {
		return err
	}
	defer sub.Close()
	before := previous{}
	for {
		m, err := sub.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range m.Batch.Len() {
			row := m.Batch.Row(i)
			like := "     -"
			if cosine, ok := before.cosine(m.Batch.Recipe.ModelDigest, row); ok {
				like = fmt.Sprintf("%6.3f", cosine)
			}
			fmt.Fprintln(out, m.Subject.Run, row.ReadID, row.Chunk, like)
		}
	}
}

// previous holds the last chunk on each channel: a pore measures one read at a time.
type previous map[uint16]last

type last struct {
	digest string
	row    wire.Row
}

// cosine compares a chunk with the one before it in its read; false says that there is
// none, or that another model made its vector.
func (p previous) cosine(digest string, row wire.Row) (float32, bool) {
	before, ok := p[row.Channel]
	p[row.Channel] = last{digest, row}
	if !ok || before.digest != digest || before.row.ReadID != row.ReadID || before.row.Chunk+1 != row.Chunk {
		return 0, false
	}
	var cosine float32 // the vectors have length 1
	for i, v := range row.Vector {
		cosine += v * before.row.Vector[i]
	}
	return cosine, true
}

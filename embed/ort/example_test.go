package ort_test

import (
	"context"
	"fmt"
	"log"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/signal"
)

func Example() {
	run := &signal.Run{FlowCellProductCode: "FLO-MIN114", SequencingKit: "SQK-LSK114", SampleRateHz: 5000}
	model, err := embed.Pick(run)
	if err != nil {
		log.Fatal(err)
	}
	encoder, err := ort.New(model)
	if err != nil {
		log.Fatal(err)
	}
	defer encoder.Close()

	batch := signal.NewBatch(1, model.DefaultWindow)
	batch.Chunks = append(batch.Chunks, signal.Chunk{Samples: uint32(model.DefaultWindow)})
	batch.Samples = batch.Samples[:model.DefaultWindow] // of the read
	batch.Shift, batch.Scale = append(batch.Shift, 830), append(batch.Scale, 165)

	vectors := make([]float32, batch.Len()*model.Dim)
	if err := encoder.Encode(context.Background(), batch, vectors); err != nil {
		log.Fatal(err)
	}
	fmt.Println(vectors[:model.Nested[0]]) // the short form of the vector
}

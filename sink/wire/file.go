package wire

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/porevec/porevec/signal"
)

// FileSchema is the schema of a file of vectors of one recipe: the columns of a
// message after two that tell of the run, since a file may hold several runs.
func FileSchema(r *signal.Recipe, info FileInfo) *arrow.Schema {
	keys, values := info.Metadata(r)
	md := arrow.NewMetadata(keys, values)
	return arrow.NewSchema(append([]arrow.Field{
		{Name: "run", Type: arrow.BinaryTypes.String},
		{Name: "sample_rate", Type: arrow.PrimitiveTypes.Uint16},
	}, fields(r)...), &md)
}

// FileRecord gives the batch as rows of a file of [FileSchema]. It borrows the
// batch's memory: release it before the batch changes.
func (b *Batch) FileRecord(info FileInfo) (arrow.RecordBatch, error) {
	columns, err := b.columns()
	if err != nil {
		return nil, err
	}
	runs := array.NewStringBuilder(memory.DefaultAllocator)
	defer runs.Release()
	rates := array.NewUint16Builder(memory.DefaultAllocator)
	defer rates.Release()
	runs.Reserve(b.Len())
	rates.Reserve(b.Len())
	for range b.Len() {
		runs.Append(b.Run.AcquisitionID)
		rates.Append(b.Run.SampleRateHz)
	}
	columns = append([]arrow.Array{runs.NewArray(), rates.NewArray()}, columns...)
	return record(FileSchema(b.Recipe, info), columns, b.Len()), nil
}

package wire

import (
	"encoding/json"
	"math"
	"strconv"
)

// AppendJSON appends row i as one JSON object, without a line feed.
func (b *Batch) AppendJSON(dst []byte, i int) []byte {
	row := b.Row(i)
	text := func(key, value string) {
		quoted, _ := json.Marshal(value) // a string always has a JSON form
		dst = append(append(dst, `"`+key+`":`...), quoted...)
		dst = append(dst, ',')
	}
	number := func(key string, value uint64) {
		dst = strconv.AppendUint(append(dst, `"`+key+`":`...), value, 10)
		dst = append(dst, ',')
	}
	dst = append(dst, '{')
	text("run", b.Run.AcquisitionID)
	text("read_id", row.ReadID.String())
	number("channel", uint64(row.Channel))
	number("mux", uint64(row.Mux))
	number("chunk", uint64(row.Chunk))
	number("read_start", row.ReadStart)
	number("chunk_start", row.ChunkStart)
	number("samples", uint64(row.Samples))
	text("flags", row.Flags.String())
	text("model", b.Recipe.ModelID)
	dst = append(dst, `"embedding":[`...)
	for j, f := range row.Vector {
		if j > 0 {
			dst = append(dst, ',')
		}
		if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) { // JSON knows neither
			dst = append(dst, "null"...)
			continue
		}
		dst = strconv.AppendFloat(dst, float64(f), 'g', -1, 32)
	}
	return append(dst, "]}"...)
}

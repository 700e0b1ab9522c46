package wire

import (
	"encoding/json"

	"github.com/porevec/porevec/signal"
)

// FileInfo is what the metadata of a file tell besides its recipe.
type FileInfo struct {
	Runs []RunInfo
	// Pool is how the vectors of a read's chunks were made one; "" for a vector per chunk.
	Pool string
}

// PoolMean is the mean of the vectors, normalized again.
const PoolMean = "mean"

// RunInfo is what is told of a run. A sample or experiment name is never part of it: it
// may name a patient.
type RunInfo struct {
	Run                 string `json:"run"`
	Position            string `json:"position,omitempty"`
	FlowCellID          string `json:"flow_cell_id,omitempty"`
	FlowCellProductCode string `json:"flow_cell_product_code,omitempty"`
	Kit                 string `json:"kit,omitempty"`
	SampleRateHz        uint16 `json:"sample_rate,omitempty"`
}

// InfoOf is what is told of a run.
func InfoOf(r *signal.Run) RunInfo {
	return RunInfo{r.AcquisitionID, r.Position, r.FlowCellID, r.FlowCellProductCode, r.SequencingKit, r.SampleRateHz}
}

const (
	keyRuns = "porevec.runs"
	keyPool = "porevec.pool"
)

// Metadata are the keys and values of a file of the recipe.
func (i FileInfo) Metadata(r *signal.Recipe) (keys, values []string) {
	keys, values = recipeMetadata(r)
	if len(i.Runs) > 0 {
		text, _ := json.Marshal(i.Runs) // strings and numbers only
		keys, values = append(keys, keyRuns), append(values, string(text))
	}
	if i.Pool != "" {
		keys, values = append(keys, keyPool), append(values, i.Pool)
	}
	return keys, values
}

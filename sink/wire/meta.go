package wire

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/porevec/porevec/signal"
)

// SchemaVersion is the version of the schema written here. Columns and metadata
// may be added within a version; nothing is removed or changes its meaning.
const SchemaVersion = 1

// The keys of the schema's metadata. A sample id is never among them: it may
// name a patient.
const (
	keySchema        = "porevec.schema"
	keyRun           = "porevec.run"
	keyFlowCell      = "porevec.flow_cell_id"
	keyFlowCellCode  = "porevec.flow_cell_product_code"
	keyKit           = "porevec.kit"
	keySampleRate    = "porevec.sample_rate"
	keyModel         = "porevec.model"
	keyModelDigest   = "porevec.model_digest"
	keyNormalization = "porevec.normalization"
	keyWindow        = "porevec.window"
	keyHop           = "porevec.hop"
	keyDim           = "porevec.dim"
	keyVersion       = "porevec.version"
)

// recipeMetadata is the part of the metadata that files have too; a file may
// hold several runs.
func recipeMetadata(r *signal.Recipe) (keys, values []string) {
	keys = []string{keySchema, keyModel, keyModelDigest, keyNormalization, keyWindow, keyHop, keyDim, keyVersion}
	values = []string{
		strconv.Itoa(SchemaVersion), r.ModelID, r.ModelDigest, r.Normalization,
		strconv.Itoa(r.Window), strconv.Itoa(r.Hop), strconv.Itoa(r.Dim), r.Version,
	}
	return keys, values
}

func metadata(run *signal.Run, r *signal.Recipe) arrow.Metadata {
	keys, values := recipeMetadata(r)
	keys = append(keys, keyRun, keyFlowCell, keyFlowCellCode, keyKit, keySampleRate)
	values = append(values, run.AcquisitionID, run.FlowCellID, run.FlowCellProductCode, run.SequencingKit,
		strconv.Itoa(int(run.SampleRateHz)))
	return arrow.NewMetadata(keys, values)
}

// readMetadata is the inverse of metadata, but for what the columns tell.
func readMetadata(md arrow.Metadata) (*signal.Run, *signal.Recipe, error) {
	text := func(key string) string {
		value, _ := md.GetValue(key)
		return value
	}
	recipe, err := ReadRecipe(text)
	if err != nil {
		return nil, nil, err
	}
	rate, err := number(text, keySampleRate, 16)
	if err != nil {
		return nil, nil, err
	}
	return &signal.Run{
		AcquisitionID: text(keyRun), FlowCellID: text(keyFlowCell), FlowCellProductCode: text(keyFlowCellCode),
		SequencingKit: text(keyKit), SampleRateHz: uint16(rate),
	}, recipe, nil
}

// ReadRecipe gives the recipe that metadata tell of, but for DType, which the
// embeddings' column tells. Text gives the value of a key, empty if there is none.
func ReadRecipe(text func(key string) string) (*signal.Recipe, error) {
	switch version := text(keySchema); version {
	case strconv.Itoa(SchemaVersion):
	case "":
		return nil, fmt.Errorf("metadata %s is missing: another program wrote this, or wrote it anew and dropped the metadata", keySchema)
	default:
		return nil, fmt.Errorf("metadata %s is %.40q, this porevec reads version %d", keySchema, version, SchemaVersion)
	}
	if pool := text(keyPool); pool != "" {
		return nil, fmt.Errorf("it has one vector per read (--pool %.40s); vectors of chunks are wanted", pool)
	}
	r := &signal.Recipe{
		ModelID: text(keyModel), ModelDigest: text(keyModelDigest), Normalization: text(keyNormalization), Version: text(keyVersion),
	}
	for _, n := range []struct {
		key string
		to  *int
	}{{keyWindow, &r.Window}, {keyHop, &r.Hop}, {keyDim, &r.Dim}} {
		var err error
		if *n.to, err = number(text, n.key, 31); err != nil {
			return nil, err
		}
	}
	if r.Dim < 1 {
		return nil, fmt.Errorf("metadata %s is 0", keyDim)
	}
	return r, nil
}

func number(text func(key string) string, key string, bits int) (int, error) {
	n, err := strconv.ParseUint(text(key), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("metadata %s is %.40q, not a number in range", key, text(key))
	}
	return int(n), nil
}

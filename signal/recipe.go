package signal

// Recipe says how vectors were made: everything besides the run that a
// subscriber must know to compare two vectors. Vectors of different recipes
// live in different spaces.
type Recipe struct {
	ModelID       string // e.g. dna_r10.4.1_e8.2_400bps_5khz@v1
	ModelDigest   string // sha256 of the model file, hex
	Normalization string // e.g. pa or medmad
	Window        int    // samples
	Hop           int    // samples
	Dim           int
	// DType is the type of an embedding's elements on the wire: float16 or
	// float32.
	DType   string
	Version string // of porevec
}

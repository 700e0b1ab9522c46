// Package embed knows the encoders: what a model file says of itself ([Model]),
// which model fits a run ([Pick]), and what every implementation of [Encoder] must
// do. Package embed/ort runs models on ONNX Runtime, embed/reference slowly in Go.
//
// # A model file
//
// An encoder is one ONNX file whose metadata_props describe it. Its graph takes
//
//	signal  int16   [batch, 1, 1, samples]  ADC counts
//	shift   float32 [batch, 1, 1, 1]        ADC counts
//	scale   float32 [batch, 1, 1, 1]        ADC counts
//
// normalizes x = (signal − shift) / scale, clips, and gives
//
//	embedding float32 [batch, dim]          rows of L2 norm 1
//
// A row depends on its own chunk only: the same bits in every batch.
package embed

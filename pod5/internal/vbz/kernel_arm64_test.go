package vbz

func kernels() map[string]kernel { return map[string]kernel{"neon": unpackNEON} }

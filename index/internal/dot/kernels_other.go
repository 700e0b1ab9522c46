//go:build !amd64

package dot

// kernels of this processor, the fastest first.
func kernels() []kernel { return []kernel{portable} }

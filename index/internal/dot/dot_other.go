//go:build !amd64

package dot

var (
	implementations = []implementation{portable}
	fastest         = portable
)

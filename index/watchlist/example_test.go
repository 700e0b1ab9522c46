package watchlist_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/porevec/porevec/index/watchlist"
)

func Example() {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "pathogens.toml")
	const rules = `
[[group]]
name = "Yersinia pestis"
targets = ["NC_003143.1", "pMT1*"]
reads = 3
message = "call the duty officer"
`
	if err := os.WriteFile(path, []byte(rules), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	list, err := watchlist.Load(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := watchlist.NewWatch(list, []string{"NC_003143.1", "pMT1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, seconds := range []float64{12.5, 30, 41.2, 50} { // answers come from a search
		for _, alert := range w.Add(read(i, "NC_003143.1", 0.99, seconds)) {
			fmt.Println(alert)
		}
	}
	// Output: ALERT Yersinia pestis: 3 reads (NC_003143.1 ×3), 41.2 s of sequencing; call the duty officer
}

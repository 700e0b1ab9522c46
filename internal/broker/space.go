package broker

// Space that is left alone: a file system that runs full leaves a server unable to write
// until it is restarted.
const (
	spareBytes = 2 << 30
	spareShare = 20 // one part in 20 of small file systems
)

// Space is what the file system of a store has left, and what of that is kept free, in
// bytes: least, or where that is 0, 2 GiB or 5 % of a smaller file system.
func Space(store string, least int64) (free, reserve uint64, err error) {
	size, free, err := DiskSpace(store)
	if err != nil {
		return 0, 0, err
	}
	if least > 0 {
		return free, uint64(least), nil
	}
	return free, min(spareBytes, size/spareShare), nil
}

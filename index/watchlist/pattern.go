package watchlist

// matches compares a whole name with a pattern, where * stands for any text and ?
// for one character. Unlike those of package path, patterns know no brackets and no
// separators, which names of sequences do have: gi|1234|ref, chr1[alt].
func matches(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	star, tried := -1, 0 // the last * and what of the name it has been tried to end at
	i, j := 0, 0
	for j < len(n) {
		switch {
		case i < len(p) && p[i] == '*':
			star, tried = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == n[j]):
			i++
			j++
		case star >= 0:
			tried++
			i, j = star+1, tried
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

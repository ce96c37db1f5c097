package env

// Nearest returns the known name that is closest to an unknown one, as a hint at a misspelling. It returns "" if none
// is within a third of its length, because such a hint would mislead.
func Nearest(unknown string, known []string) string {
	best, near := len(unknown)/3, ""
	for _, name := range known {
		if d := editDistance(unknown, name); d < best || d == best && near == "" {
			best, near = d, name
		}
	}
	return near
}

// editDistance returns the Levenshtein distance in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

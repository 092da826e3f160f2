// SPDX-License-Identifier: Apache-2.0

package seaworthy

// Nearest is the known word that the writer of word most likely meant, or "" when none
// is close enough to be a slip: at most one edit in three letters. Of equally close
// words the first wins.
func Nearest(word string, known []string) string {
	best, limit := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := editDistance(word, k); d < limit {
			best, limit = k, d
		}
	}
	return best
}

// editDistance counts the letters to add, drop, replace or swap with their neighbour
// to make b of a (optimal string alignment).
func editDistance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"

	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// ladder is an inclusion proof drawn: from the entry's hash up to the root, at each step
// with the hash beside it.
type ladder struct {
	Title, Desc string
	W, H        float64
	Steps       []rung
}

// rung is one hash on the way up and the one that joins it there.
type rung struct {
	Y        float64
	X, SX    float64 // of the path's node, and of the one beside it
	UpX, UpY float64 // of the node above
	Path     string
	Beside   string
	Last     bool
}

// newLadder lays out a proof. The sides follow from the entry's number as RFC 9162,
// section 2.1.3.2 has it.
func newLadder(index, size int64, leaf tlog.Hash, proof []tlog.Hash, root tlog.Hash) *ladder {
	const pitch, middle, reach = 44, 320, 150
	l := &ladder{
		Title: fmt.Sprintf("Proof that entry %d is in the log of %d entries", index, size),
		Desc:  fmt.Sprintf("The entry's hash joins %s, one at each step, and gives the root that the checkpoint signs.", count(len(proof), "hash")),
		W:     2 * middle, H: float64((len(proof)+1)*pitch + 8),
	}
	y := l.H - pitch/2 - 4
	fn, sn := index, size-1
	hash := leaf
	for i, p := range proof {
		left := fn&1 == 1 || fn == sn // the one beside stands on the left
		step := rung{Y: y, X: middle, SX: middle + reach, UpX: middle, UpY: y - pitch, Path: short(hash.String()), Beside: short(p.String())}
		if i > 0 {
			step.Path = ""
		}
		if left {
			step.SX = middle - reach
			for fn&1 == 0 && fn != 0 {
				fn >>= 1
				sn >>= 1
			}
		}
		fn >>= 1
		sn >>= 1
		l.Steps = append(l.Steps, step)
		y -= pitch
	}
	last := rung{Y: y, X: middle, Path: short(root.String()), Last: true}
	l.Steps = append(l.Steps, last)
	return l
}

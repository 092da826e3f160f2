// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"errors"
	"fmt"
)

// errObjects ends the reading of a unit once the plan's limit of objects is passed.
var errObjects = errors.New("too many objects")

// Limits bound what one input may cost, so that no input can exhaust the machine.
type Limits struct {
	FileBytes     int64 // of one file or of standard input
	DocumentBytes int   // of one YAML or JSON document
	Depth         int   // of nested mappings and sequences
	AliasFactor   int   // how much larger than its text a document may grow by aliases
	Objects       int64 // of one plan
	ArchiveFactor int64 // how much larger than itself an archive may unpack
}

// aliasFloor is how far aliases may always expand: small documents that repeat a block
// many times are ordinary.
const aliasFloor = 256 << 10

// archiveFloor is how far an archive may always unpack: small archives of repetitive
// text compress better than any ratio.
const archiveFloor = 4 << 20

// DefaultLimits are in force where no other are given.
func DefaultLimits() Limits {
	return Limits{
		FileBytes: 100 << 20, DocumentBytes: 10 << 20, Depth: 1000,
		AliasFactor: 10, Objects: 1_000_000, ArchiveFactor: 100,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.FileBytes <= 0 {
		l.FileBytes = d.FileBytes
	}
	if l.DocumentBytes <= 0 {
		l.DocumentBytes = d.DocumentBytes
	}
	if l.Depth <= 0 {
		l.Depth = d.Depth
	}
	if l.AliasFactor <= 0 {
		l.AliasFactor = d.AliasFactor
	}
	if l.Objects <= 0 {
		l.Objects = d.Objects
	}
	if l.ArchiveFactor <= 0 {
		l.ArchiveFactor = d.ArchiveFactor
	}
	return l
}

// size writes a number of bytes as people do.
func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

func (l Limits) fileError() error {
	return fmt.Errorf("is larger than the limit of %s a file; split it into several files", size(l.FileBytes))
}

func (l Limits) documentError() error {
	return fmt.Errorf("the document is larger than the limit of %s; split it into several documents with ---", size(int64(l.DocumentBytes)))
}

func (l Limits) depthError() error {
	return fmt.Errorf("is nested deeper than the limit of %d levels; flatten it", l.Depth)
}

func (l Limits) aliasError() error {
	return fmt.Errorf("its aliases expand to more than the limit of %d times its size; write the repeated parts out", l.AliasFactor)
}

func (l Limits) objectsError() error {
	return fmt.Errorf("the input holds more than the limit of %d objects; scan it in parts", l.Objects)
}

func (l Limits) archiveError() error {
	return fmt.Errorf("unpacks to more than the limit of %d times its size; unpack it and scan the folder", l.ArchiveFactor)
}

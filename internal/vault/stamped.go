// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Stamped is an older head of the log with the timestamp that an authority gave of it.
type Stamped struct {
	Size      int64
	Note      string
	Timestamp []byte
}

// Seen says how much of the log an authority saw, and when.
type Seen struct {
	Size int64  `json:"size"` // in entries
	At   string `json:"at"`   // in RFC 3339
}

// writeStamped writes older heads with their timestamps, two files for each.
func (p *Package) writeStamped(list []Stamped) error {
	for _, s := range list {
		name := fmt.Sprintf("%s%d", StampedPrefix, s.Size)
		err := p.write(name+".txt", func(w io.Writer) error { _, err := io.WriteString(w, s.Note); return err })
		if err == nil {
			err = p.write(name+".tsr", func(w io.Writer) error { _, err := w.Write(s.Timestamp); return err })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isStamped tells whether a file is an older head with a timestamp.
func isStamped(name string) bool { return isHead(name, StampedPrefix) }

// timestampOf is the name of the timestamp of a head.
func timestampOf(head string) string { return strings.TrimSuffix(head, ".txt") + ".tsr" }

// timestamp checks the authority's word on when a head was there. It is over the note with
// the log's signature alone: witnesses add theirs later.
func (v *verifier) timestamp(file string, size int64, signed *note.Note) error {
	name := timestampOf(file)
	if !v.files.has(name) {
		if file != CheckpointFile {
			v.tell("%s is missing", name)
		}
		return nil
	}
	if v.trust.Timestamp == nil {
		return nil
	}
	token, err := v.small(name)
	if err != nil {
		return err
	}
	at, err := v.trust.Timestamp(token, ownNote(signed, v.trust.Key))
	if err != nil {
		v.tell("%s: %v", name, err)
		return nil
	}
	told := at.UTC().Format(time.RFC3339)
	v.result.Seen = append(v.result.Seen, Seen{size, told})
	if file == CheckpointFile {
		v.result.Timestamp = told
	}
	return nil
}

// seen tells when no authority saw any head, though one was asked for.
func (v *verifier) seen() {
	slices.SortFunc(v.result.Seen, func(a, b Seen) int { return cmp.Compare(a.Size, b.Size) })
	if v.trust.Timestamp != nil && len(v.result.Seen) == 0 && !v.files.has(TimestampFile) {
		v.tell("%s is not there: the checkpoint has no timestamp, nor has any older head of the log", TimestampFile)
	}
}

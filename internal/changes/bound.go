// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// The bounds of what observations call things, in bytes: far more than anything that exists
// is called by, and what the indexes of databases take.
const (
	maxName = 500
	maxUser = 1000
)

// Bound cuts what an observation calls things by to what can be kept. Much of it is what a
// client put into the address or the headers of a request, also of one that was refused, and
// one such request must not keep others from being recorded. What was cut ends in a digest of
// the whole, so that it passes for nothing else.
func Bound(o *Observation) {
	b := &o.Object
	for _, s := range [...]*string{
		&o.ID, &o.Verb, &b.APIVersion, &b.Kind, &b.Namespace, &b.Name, &b.UID, &b.ResourceVersion, &b.Previous, &b.Subresource,
	} {
		*s = cut(*s, maxName)
	}
	for _, s := range [...]*string{&o.Actor.Username, &o.Actor.Impersonator, &o.Actor.Manager} {
		*s = cut(*s, maxUser)
	}
	if b.OwnedBy != nil {
		by := *b.OwnedBy
		for _, s := range [...]*string{&by.APIVersion, &by.Kind, &by.Name, &by.UID} {
			*s = cut(*s, maxName)
		}
		b.OwnedBy = &by
	}
}

// cut gives a text that is no longer than most, and that databases keep.
func cut(s string, most int) string {
	s = strings.ReplaceAll(s, "\x00", "\ufffd")
	if len(s) <= most {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	end := "…" + hex.EncodeToString(sum[:8])
	return strings.ToValidUTF8(s[:most-len(end)], "") + end
}

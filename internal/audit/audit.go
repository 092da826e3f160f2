// SPDX-License-Identifier: Apache-2.0

// Package audit keeps the programme: what an audit looks at, which controls the company
// has, when each was to be performed and whether it was, what evidence there is, and the
// lists that auditors freeze and sample.
//
// It says what happened and never what to think of it: performed as expected, late,
// missed, without data. Whether a control was performed and what came of it are two
// facts. What was not observed was not performed.
package audit

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// Catalogue is what the product, or the company's folders, say of controls.
type Catalogue struct {
	Controls   []seaworthy.Control
	Frameworks []seaworthy.Framework
	Checks     []seaworthy.Check
}

// Blobs keeps bytes by their SHA-256: the vault. It also makes files for what is on its way.
type Blobs interface {
	vault.Temp
	Put(ctx context.Context, r io.Reader, limit int64) (digest string, size int64, err error)
	Open(ctx context.Context, digest string) (io.ReadCloser, error)
	Delete(ctx context.Context, digest string) error
}

// Audit acts on the programme. It is safe for concurrent use.
type Audit struct {
	store     *store.Store
	catalogue Catalogue
	blobs     Blobs
	exports   chan struct{} // holds one for each package that is being made
}

// mostExports is how many packages are made at once: each reads all of the evidence.
const mostExports = 2

// New makes an Audit. Blobs may be nil where nothing is frozen.
func New(s *store.Store, c Catalogue, b Blobs) *Audit {
	return &Audit{store: s, catalogue: c, blobs: b, exports: make(chan struct{}, mostExports)}
}

// Framework gives a framework of the catalogue by its id.
func (a *Audit) Framework(id string) (seaworthy.Framework, error) {
	i := slices.IndexFunc(a.catalogue.Frameworks, func(f seaworthy.Framework) bool { return f.ID == id })
	if i < 0 {
		return seaworthy.Framework{}, seaworthy.NotFound("there is no framework %s", id)
	}
	return a.catalogue.Frameworks[i], nil
}

// may refuses what the principal's role does not allow.
func may(p seaworthy.Principal, action seaworthy.Action) error {
	if p.Can(action) {
		return nil
	}
	return seaworthy.Forbidden("the role %s may not %s", p.Role, action)
}

// sees refuses a program that is not the one that the principal is bound to.
func sees(p seaworthy.Principal, program string) error {
	if p.Program == "" || p.Program == program {
		return nil
	}
	return seaworthy.NotFound("there is no program %s", program) // nor is told that there is
}

// count puts a number before a word: "1 day", "3 days".
func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// enumerate joins what people read: the first few, and how many more.
func enumerate(list []string) string {
	const most = 5
	if len(list) > most {
		return strings.Join(list[:most], ", ") + " and " + strconv.Itoa(len(list)-most) + " more"
	}
	return strings.Join(list, ", ")
}

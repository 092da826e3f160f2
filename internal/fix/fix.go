// SPDX-License-Identifier: Apache-2.0

// Package fix writes remediations of findings back into plain YAML files.
//
// A [Remedy] says what to write for a check and when that is safe: when it cannot stop a
// workload that works, or fills in what was plainly left out. A remedy that needs a test
// first is applied only when the user names its check. An explicit value is somebody's
// decision and is never overturned without that.
//
// Text is changed by splicing at the positions of the YAML nodes, never by writing the
// document anew: comments, order, quoting, anchors and line endings stay as they are.
// Each changed document is read again and must hold the old tree with nothing but the
// intended fields changed, and each changed file is scanned again: the finding must be
// gone, and the API server must accept the object no less. What does not hold this is
// refused with its reason.
//
// Only regular files below the paths that the user gave are written, atomically, and
// only when they still hold what was read. Templates, whatever a chart or kustomization
// rendered, generated files and JSON are left to people.
package fix

import (
	"context"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// Config says what may be fixed.
type Config struct {
	// Paths are what the user asked to scan; nothing outside of them is written.
	Paths []string
	// Named lists checks whose remedies are applied although they need a test.
	Named []string
	// Judge scans texts as if they were the files of that name.
	Judge Judge
}

// Judge gives the findings of texts, and what of them could not be read.
type Judge func(ctx context.Context, texts []Text) ([]seaworthy.Finding, []seaworthy.Problem, error)

// Text is the content that a file has or would have.
type Text struct {
	File string
	Text []byte
}

// Plan is what can be written and what is left.
type Plan struct {
	Files []*File
	// Refused are findings that have a remedy which must not or cannot be applied here.
	Refused []Refusal
	// ByName counts, by check, the findings whose remedy is applied only on request.
	ByName map[string]int
	// NoRemedy is how many findings no program can settle.
	NoRemedy int
}

// File is a file with its old and new text.
type File struct {
	Path     string // as the scan names it
	Old, New []byte
	// Fixed are the findings that the new text settles.
	Fixed []seaworthy.Finding

	place place
}

// Refusal is a finding that a person has to settle.
type Refusal struct {
	Finding seaworthy.Finding
	Reason  string
}

// Fixed counts the findings that the plan settles.
func (p *Plan) Fixed() int {
	n := 0
	for _, f := range p.Files {
		n += len(f.Fixed)
	}
	return n
}

// Replaced lists the objects of the plan that a cluster does not change in place: Pods
// and Jobs have to be deleted before they can be applied anew.
func (p *Plan) Replaced() []seaworthy.Object {
	var out []seaworthy.Object
	for _, f := range p.Files {
		for _, fixed := range f.Fixed {
			o := fixed.Object
			if (o.Kind == "Pod" || o.Kind == "Job") && !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	return out
}

func (p *Plan) refuse(reason string, findings ...seaworthy.Finding) {
	for _, f := range findings {
		p.Refused = append(p.Refused, Refusal{f, reason})
	}
}

// refusal is a reason not to fix, told to the user as it is.
type refusal string

func (r refusal) Error() string { return string(r) }

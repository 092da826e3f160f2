// SPDX-License-Identifier: Apache-2.0

// Package manifest turns paths into Kubernetes objects, offline.
//
// [NewPlan] walks what the user named and splits it into units: a plain file, a Helm
// chart, a kustomization, standard input. Each [Unit] is read on its own, by any
// goroutine, and hands out its objects one by one while it parses; the order of the
// units is the order of their findings. What could not be read is an error with file and
// line, what was left out is listed with its reason, and nothing else of the input is
// lost because of it.
//
// Scalars mean what kubectl and the API server make of them: YAML 1.1 as
// sigs.k8s.io/yaml resolves it, held to it by a fuzz test. Positions are those of the
// source file.
//
// A custom kind gets its resource name and scope from its CustomResourceDefinition
// wherever that stands in the input: [Plan.Learn] looks for definitions in the files of
// the plan before any unit is read, so the outcome does not depend on the order of files
// or workers.
package manifest

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync/atomic"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Options says what to read and how.
type Options struct {
	// Paths are files, folders, globs (with **) and "-" for standard input.
	Paths []string
	Stdin io.Reader

	// ValuesFiles and Set (as of helm --set) are given to every chart. ReleaseName and
	// Namespace default to those of "helm template". KubernetesVersion ("1.36") is what
	// charts see as .Capabilities.KubeVersion.
	ValuesFiles       []string
	Set               []string
	ReleaseName       string
	Namespace         string
	KubernetesVersion string

	// AllowNetwork lets kustomizations fetch remote bases.
	AllowNetwork bool
	// RespectGitignore leaves out what the .gitignore files of the tree name.
	RespectGitignore bool
	// SkipVendored leaves out folders of other people's code.
	SkipVendored bool

	// Limits bound what one input may cost; zero fields take their defaults.
	Limits Limits
}

// Plan is the ordered list of what to read. Its units may be read concurrently.
type Plan struct {
	Units []*Unit
	// Skipped are inputs left out on purpose, Errors what could not be found or read.
	Skipped []seaworthy.Problem
	Errors  []seaworthy.Problem

	opts       Options
	charts     chartSettings
	candidates []string // files in which Learn looks for definitions
	objects    atomic.Int64
	locator    *Locator // or nil
}

// Kind is what sort of input a unit is.
type Kind string

// The kinds of unit.
const (
	File          Kind = "file"
	Stdin         Kind = "stdin"
	Chart         Kind = "chart"
	Kustomization Kind = "kustomization"
)

// Unit is one input that is read as a whole.
type Unit struct {
	Kind Kind
	// Path is the file, or the root folder of the chart or kustomization.
	Path string

	plan     *Plan
	explicit bool   // named by the user, not found in a folder
	hint     string // how to render it, should it be a template
	real     string // the path without symbolic links, where it was found in a folder
	survey   *survey
}

// Result is what came of reading a unit beside its objects.
type Result struct {
	Errors    []seaworthy.Problem
	Skipped   []seaworthy.Problem
	Files     int // files read
	Documents int // documents that hold something
}

// Read parses the unit and hands each object to emit as soon as it is complete. The
// error is that of emit or of the context; trouble with the input is in the Result.
func (u *Unit) Read(ctx context.Context, dec *snapshot.Decoder, emit func(*snapshot.Object) error) (Result, error) {
	r := &reader{ctx: ctx, dec: dec, emit: emit, unit: u, limits: u.plan.opts.Limits}
	var err error
	switch u.Kind {
	case Chart:
		err = r.chart()
	case Kustomization:
		err = r.kustomization()
	case Stdin:
		err = r.stream(u.plan.opts.Stdin)
	default:
		err = r.file()
	}
	if errors.Is(err, errObjects) {
		r.error(filepath.ToSlash(u.Path), 0, r.limits.objectsError())
		err = nil
	}
	return r.result, err
}

// SPDX-License-Identifier: Apache-2.0

// Package rego runs the checks that users bring in Rego: packages with deny, violation
// and warn rules as conftest reads them, and Gatekeeper's ConstraintTemplates with their
// Constraints.
//
// A [Bundle] is loaded from a folder once and judges one object at a time; what needs
// other objects (data.inventory) is judged by [Cross] when all objects are known. One bad
// file does not stop the others: it is a [seaworthy.Problem], and a check that depends on
// it is left out or can no longer pass. A check that cannot be evaluated reports an error,
// never a pass. Policies cannot reach out: built-in functions that would are refused when
// they are loaded, and each evaluation ends at a deadline.
//
// METADATA comments describe the check of a rule: title, description and, in custom, id,
// severity, category, controls, remediation, snippet, kinds (which limits its scope) and
// parameters (of a policy written for Gatekeeper). Rules of one name in one package are one
// check; those with a title or an id of their own are checks by themselves. On Constraints
// and ConstraintTemplates the annotations seaworthy.dev/title, rationale, severity,
// category, controls, remediation, snippet and, on Constraints, id say the same.
//
// As in OPA, conftest and Gatekeeper, a built-in function that is given a wrong value is
// undefined and does not end the evaluation.
package rego

import (
	"cmp"
	"context"
	"io/fs"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Config says where policies are and how long they may take.
type Config struct {
	// FS holds the policies. Folders and files whose name starts with a dot and
	// *_test.rego are left out.
	FS fs.FS
	// Dir is put before the names of files in checks and problems; it may be empty.
	Dir string
	// Timeout bounds one evaluation on one object; 0 means [DefaultTimeout].
	Timeout time.Duration
}

// DefaultTimeout is how long one evaluation may take. A policy takes microseconds.
const DefaultTimeout = 5 * time.Second

// Bundle is the Rego of one folder, compiled. It is safe for concurrent use.
type Bundle struct {
	timeout  time.Duration
	checks   []seaworthy.Check
	problems []seaworthy.Problem
	skipped  []seaworthy.Problem
	files    []string

	rules       []*ruleSet
	constraints []*constraint
	natives     []Native
}

// Load reads and compiles the policies of a folder. What cannot be used is in
// [Bundle.Problems]; an error is returned only where nothing could be read at all.
func Load(ctx context.Context, cfg Config) (*Bundle, error) {
	b := &Bundle{timeout: cmp.Or(cfg.Timeout, DefaultTimeout)}
	src, err := readSources(ctx, cfg)
	if err != nil {
		return nil, err
	}
	refuseRemoteSchemas()
	b.problems = append(b.problems, src.problems...)
	ids := map[string]string{}
	b.loadRules(src, ids)
	b.loadGatekeeper(src, ids)
	slices.SortFunc(b.checks, func(x, y seaworthy.Check) int { return cmp.Compare(x.ID, y.ID) })
	slices.Sort(b.files)
	b.files = slices.Compact(b.files)
	sortProblems(b.problems)
	sortProblems(b.skipped)
	return b, ctx.Err()
}

// Checks lists the checks that the bundle runs and those of [Bundle.Natives], by id.
func (b *Bundle) Checks() []seaworthy.Check { return b.checks }

// Problems lists what could not be loaded, by file.
func (b *Bundle) Problems() []seaworthy.Problem { return b.problems }

// Skipped lists what the folder holds but no check comes of, each with the reason: a
// ConstraintTemplate that no Constraint uses, other kinds of Gatekeeper.
func (b *Bundle) Skipped() []seaworthy.Problem { return b.skipped }

// Files lists the files that policies and their data were read from.
func (b *Bundle) Files() []string { return b.files }

// Natives lists the Constraints whose templates are written in CEL, for the evaluator of
// ValidatingAdmissionPolicies. The bundle itself does not evaluate them.
func (b *Bundle) Natives() []Native { return b.natives }

// admit takes a check in, unless its id is taken or malformed.
func (b *Bundle) admit(c seaworthy.Check, line int, ids map[string]string) bool {
	problem := seaworthy.Problem{File: c.File, Line: line, Check: c.ID}
	if err := c.Validate(); err != nil {
		problem.Message = err.Error()
	} else if other, taken := ids[c.ID]; taken {
		problem.Message = "the check id " + c.ID + " is also that of a check in " + other + "; only the latter runs"
	} else {
		ids[c.ID] = c.File
		b.checks = append(b.checks, c)
		return true
	}
	b.problems = append(b.problems, problem)
	return false
}

func sortProblems(p []seaworthy.Problem) {
	slices.SortStableFunc(p, func(x, y seaworthy.Problem) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Message, y.Message))
	})
}

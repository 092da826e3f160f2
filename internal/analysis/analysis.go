// SPDX-License-Identifier: Apache-2.0

// Package analysis finds problems that no single object shows: an [Analyzer] is a value
// with the checks that it may report and a function over a snapshot, as in go/analysis.
// The analyzers are listed in internal/analysis/all.
package analysis

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// An Analyzer judges a snapshot by some checks.
type Analyzer struct {
	Name string // "rbac"
	Doc  string // the first sentence is the title
	// Checks is everything that it may report. One of scope single+cross, whose other
	// half is a policy under checks/, holds only ID and Scope: the policy describes it.
	Checks []seaworthy.Check
	Run    func(context.Context, *Pass) error
	// PerObject says that Run judges each object for itself. It may then be given a
	// snapshot of one object, as it is read, from several goroutines.
	PerObject bool
}

// Pass is one run of one analyzer: what it may look at and where it reports to.
type Pass struct {
	Snapshot *snapshot.Snapshot
	// Params gives the parameters set for a check, never nil.
	Params func(check string) map[string]string
	// Enabled tells whether a check is wanted; reporting another is harmless.
	Enabled func(check string) bool
	Report  Reporter
}

// Reporter takes the verdicts. It is called from one goroutine.
type Reporter interface {
	// Judge says that the check judged the object. Without items it passed; each item
	// is one finding. The number of calls is N.
	Judge(check string, o *snapshot.Object, items ...seaworthy.Item)
	// NotEvaluated says that the check lacks its data, and why.
	NotEvaluated(check, reason string)
	// Provider says that the managed provider answers for the check.
	Provider(check, reason string)
	// Error says that the check could not judge the object (nil: any object). With a
	// [LackError] its data is not there.
	Error(check string, o *snapshot.Object, err error)
}

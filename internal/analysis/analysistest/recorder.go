// SPDX-License-Identifier: Apache-2.0

package analysistest

import (
	"fmt"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Recorder is a Reporter that keeps the verdicts as lines:
//
//	FAIL <object> <key>: <message> (<path>)
//	pass <object>
//	not-evaluated: <reason>
//	provider: <reason>
//	error <object>: <error>
type Recorder struct {
	Lines          []string
	Verdicts       []Verdict
	Failed, Passed int // objects
	Other          int // not evaluated, provider, errors
	only           string
}

// Verdict is one call of Judge.
type Verdict struct {
	Check  string
	Object *snapshot.Object
	Items  []seaworthy.Item
}

// String gives the lines in the order of the calls.
func (r *Recorder) String() string {
	if len(r.Lines) == 0 {
		return "nothing in scope\n"
	}
	return strings.Join(r.Lines, "\n") + "\n"
}

func (r *Recorder) line(check, format string, args ...any) bool {
	if r.only != "" && check != r.only {
		return false
	}
	text := fmt.Sprintf(format, args...)
	if r.only == "" {
		text = check + " " + text
	}
	r.Lines = append(r.Lines, text)
	return true
}

// Judge implements analysis.Reporter.
func (r *Recorder) Judge(check string, o *snapshot.Object, items ...seaworthy.Item) {
	r.Verdicts = append(r.Verdicts, Verdict{check, o, items})
	if len(items) == 0 {
		if r.line(check, "pass %s", o) {
			r.Passed++
		}
		return
	}
	for i, item := range items {
		container := ""
		if item.Container != "" {
			container = " in " + item.Container
		}
		if r.line(check, "FAIL %s %s: %s (%s%s)", o, item.Key, item.Message, item.Path, container) && i == 0 {
			r.Failed++
		}
	}
}

// NotEvaluated implements analysis.Reporter.
func (r *Recorder) NotEvaluated(check, reason string) {
	if r.line(check, "not-evaluated: %s", reason) {
		r.Other++
	}
}

// Provider implements analysis.Reporter.
func (r *Recorder) Provider(check, reason string) {
	if r.line(check, "provider: %s", reason) {
		r.Other++
	}
}

// Error implements analysis.Reporter.
func (r *Recorder) Error(check string, o *snapshot.Object, err error) {
	name := ""
	if o != nil {
		name = " " + o.String()
	}
	if r.line(check, "error%s: %v", name, err) {
		r.Other++
	}
}

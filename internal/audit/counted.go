// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// source counts what the report of a source says of the control's checks.
func (t *test) source(ctx context.Context, s *store.Store, source seaworthy.DeclaredSource) error {
	answered := 0
	var silent, lost []string
	divided, whole := t.divided(source.ID), false
	for _, id := range t.control.Checks {
		r, ok := t.seen.checks[source.ID][id]
		if divided {
			whole = whole || !r.Divided()
			r = r.Within(func(namespace string) bool { return t.looksAt(source.ID, namespace) })
		}
		switch {
		case ok && r.Status == seaworthy.StatusError:
			t.deviations = append(t.deviations, fmt.Sprintf("%s could not be judged in %s", id, source.Name))
			continue
		case ok && r.Status != seaworthy.StatusNotEvaluated:
			answered++
			t.inScope, t.passed, t.failed = t.inScope+r.InScope, t.passed+r.Passed, t.failed+r.Failed
			continue
		}
		before, err := s.WasJudged(ctx, source.ID, id, t.seen.window.From)
		if err != nil {
			return err
		}
		if silent = append(silent, id); before {
			lost = append(lost, id)
		}
	}
	if whole {
		t.notes = append(t.notes, source.Name+" is counted as a whole, with the namespaces that are out of scope: its report does not count by namespace")
	}
	switch {
	case answered == 0:
		t.noData = append(t.noData, source.Name+" (none of its checks was evaluated)")
	case len(lost) > 0:
		t.deviations = append(t.deviations, fmt.Sprintf("no longer evaluated in %s: %s", source.Name, enumerate(lost)))
	case len(silent) > 0:
		t.notes = append(t.notes, fmt.Sprintf("not evaluated in %s: %s", source.Name, enumerate(silent)))
	}
	return nil
}

// divided tells whether there may be namespaces of a source that the test is not about.
func (t *test) divided(source string) bool {
	return slices.ContainsFunc(t.control.Scope, func(s seaworthy.ScopeItem) bool { return s.Kind == seaworthy.KindNamespace && s.Source == source }) ||
		len(t.seen.programs) > 0 && !slices.ContainsFunc(t.seen.programs, func(p seaworthy.Program) bool { return p.HasSource(source) && !p.Divides(source) })
}

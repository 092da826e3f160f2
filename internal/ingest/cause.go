// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"path"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// causes decides why findings open and close: what decides verdicts is compared with the
// report before.
type causes struct {
	first       bool // there is no report before
	before, now seaworthy.Header
	checks      map[string]bool // whose digest or mode changed, or that are new
	parameters  map[string]bool // whose parameters changed
	listed      bool            // the report names objects without findings
	listedThen  bool            // so did the one before
}

// opened is why a finding that was not there is there. object is what is known of its
// object from earlier reports, nil for nothing.
func (c *causes) opened(f *seaworthy.TrackedFinding, object *store.TrackedObject) seaworthy.Cause {
	standing := object != nil && object.DeletedAt.IsZero()
	switch {
	case c.first:
		return seaworthy.CauseObjectNew
	case !covers(c.before, f):
		return seaworthy.CauseScopeChanged
	case !standing && (c.listedThen || object != nil):
		return seaworthy.CauseObjectNew
	case c.checks[f.Check]:
		return seaworthy.CauseCheckChanged
	case c.parameters[f.Check]:
		return seaworthy.CauseParameterChanged
	case standing:
		return seaworthy.CauseObjectChanged
	}
	return seaworthy.CauseObjectNew
}

// closed is why a finding that was there is not there any more. present tells whether
// the report names its object. When what decides the verdict changed, that is why: a
// wider allow-list never looks like a fix.
func (c *causes) closed(f *seaworthy.TrackedFinding, present bool) seaworthy.Cause {
	switch {
	case !covers(c.now, f):
		return seaworthy.CauseScopeChanged
	case c.listed && !present:
		return seaworthy.CauseObjectDeleted
	case c.checks[f.Check]:
		return seaworthy.CauseCheckChanged
	case c.parameters[f.Check]:
		return seaworthy.CauseParameterChanged
	case present:
		return seaworthy.CauseObjectChanged
	}
	return seaworthy.CauseObjectGone
}

// covers tells whether a report asked for what the finding is about.
func covers(h seaworthy.Header, f *seaworthy.TrackedFinding) bool {
	if h.Source.Kind == seaworthy.SourceCluster {
		// Secrets are listed only where somebody wants it.
		if f.Object.Kind == "Secret" && f.Object.Group() == "" && len(h.Source.Asked) > 0 && !slices.Contains(h.Source.Asked, "secrets") {
			return false
		}
		return len(h.Source.Namespaces) == 0 || f.Object.Namespace == "" || slices.Contains(h.Source.Namespaces, f.Object.Namespace)
	}
	if f.File == "" || len(h.Source.Asked) == 0 {
		return true
	}
	return slices.ContainsFunc(h.Source.Asked, func(asked string) bool {
		if asked == "-" || strings.ContainsAny(asked, `*?[`) {
			return true
		}
		asked = path.Clean(strings.ReplaceAll(asked, `\`, "/"))
		// Where a repository is checked out differs from run to run; only places inside of
		// it say something.
		return asked == "." || path.IsAbs(asked) || strings.HasPrefix(asked, "..") || strings.Contains(asked, ":/") ||
			within(path.Clean(f.File), asked)
	})
}

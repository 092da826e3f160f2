// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"cmp"
	"context"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// resolveSource finds the source that a report is for, or makes the record of one that is
// not declared, and tells whether the principal may report for it.
func resolveSource(ctx context.Context, s *store.Store, who seaworthy.Principal, source string, h seaworthy.Header) (v seaworthy.DeclaredSource, unknown bool, err error) {
	kind := seaworthy.KindRepository
	if h.Source.Kind == seaworthy.SourceCluster {
		kind = seaworthy.KindCluster
	}
	all, err := s.Sources(ctx)
	if err != nil {
		return v, false, err
	}
	name := cmp.Or(source, h.Source.Name)
	i := slices.IndexFunc(all, func(o seaworthy.DeclaredSource) bool { return source != "" && o.ID == source })
	if i < 0 {
		i = slices.IndexFunc(all, func(o seaworthy.DeclaredSource) bool { return o.Kind == kind && o.Name == name })
	}
	if i < 0 {
		return newSource(s, who, kind, name)
	}
	v = all[i]
	switch {
	case who.Source != "" && who.Source != v.ID:
		return v, false, seaworthy.Forbidden("this token reports for another source than %s", v.Name)
	case (v.Declared || v.Team != "") && !who.Owns(v.Team):
		return v, false, seaworthy.Forbidden("source %s belongs to another team", v.Name)
	case v.Kind != kind:
		return v, false, seaworthy.Invalid("source %s is a %s, the report is of a %s", v.Name, v.Kind, kind)
	case !v.RetiredAt.IsZero():
		return v, false, seaworthy.Conflict("source %s was retired on %s and takes no reports", v.Name, v.RetiredAt.Format("2006-01-02"))
	}
	return v, false, nil
}

// newSource notices a source that nobody declared. It is taken for no production one
// until somebody says so.
func newSource(s *store.Store, who seaworthy.Principal, kind, name string) (v seaworthy.DeclaredSource, unknown bool, err error) {
	if who.Source != "" {
		return v, false, seaworthy.Forbidden("this token reports for another source than %s", name)
	}
	if name == "" {
		return v, false, seaworthy.Invalid("the report does not name its source")
	}
	now := s.Now()
	v = seaworthy.DeclaredSource{ID: store.NewID(now), Kind: kind, Name: name, Environment: seaworthy.Development, CreatedAt: now}
	return v, true, longest("the name", name, maxName)
}

// notice writes the record of a source that nobody declared.
func (t *taking) notice() error {
	have, err := t.tx.Sources()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(have, func(o seaworthy.DeclaredSource) bool { return o.Kind == t.source.Kind && o.Name == t.source.Name }) {
		return seaworthy.Conflict("source %s was noticed at the same moment", t.source.Name) // see again
	}
	return t.tx.PutSource(&t.source)
}

// sameCluster refuses a report of another cluster under the name of a known one: all
// that was found there would look as if it had been deleted.
func (t *taking) sameCluster() error {
	uid := t.report.head.Source.ClusterUID
	if t.state.ClusterUID == "" || uid == "" || uid == t.state.ClusterUID {
		return nil
	}
	return seaworthy.Conflict("source %s reported as cluster %s before, this report is of cluster %s; retire the source and declare the new cluster",
		t.source.Name, t.state.ClusterUID, uid)
}

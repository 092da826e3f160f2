// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// scopeText is one thing that a control applies to, or does not, as people read it.
type scopeText struct {
	Kind, Name, Reason string
	In                 bool
}

// Line is the item as a line of the form: "not cluster staging: holds no customer data".
func (s scopeText) Line() string {
	line := s.Kind + " " + s.Name
	if !s.In {
		line = "not " + line + ": " + s.Reason
	}
	return line
}

// scopeTexts puts the scope of a control into words. Who is bound to a program reads
// nothing of sources that it does not name.
func scopeTexts(r *http.Request, names names, c seaworthy.TrackedControl) []scopeText {
	var out []scopeText
	for _, item := range c.Scope {
		text := scopeText{Kind: item.Kind, Name: item.Name, Reason: item.Reason, In: item.In}
		if item.Kind != seaworthy.KindSystem {
			if !visitOf(r).knowsSource(item.Source) {
				continue
			}
			if text.Name = names.source(item.Source); item.Kind == seaworthy.KindNamespace {
				text.Name += "/" + item.Name
			}
		}
		out = append(out, text)
	}
	return out
}

// scopeOfForm reads the lines of a control's scope.
func scopeOfForm(text string, names names) ([]seaworthy.ScopeItem, error) {
	out := []seaworthy.ScopeItem{}
	for _, line := range lines(text) {
		item := seaworthy.ScopeItem{In: true}
		rest, not := strings.CutPrefix(line, "not ")
		if not {
			item.In = false
			if before, reason, found := strings.Cut(rest, ": "); found {
				rest, item.Reason = before, strings.TrimSpace(reason)
			}
		}
		kind, name, _ := strings.Cut(strings.TrimSpace(rest), " ")
		item.Kind, name = kind, strings.TrimSuffix(strings.TrimSpace(name), ":")
		switch kind {
		case seaworthy.KindSystem:
			item.Name = name
		case seaworthy.KindNamespace:
			at := strings.LastIndex(name, "/")
			if at < 0 {
				return nil, seaworthy.Invalid("The namespace in %q needs its cluster: namespace cluster/name.", line)
			}
			item.Name, name = name[at+1:], name[:at]
			fallthrough
		case seaworthy.KindCluster, seaworthy.KindRepository:
			if item.Source = sourceCalled(names, name); item.Source == "" {
				return nil, seaworthy.Invalid("There is no cluster or repository %q, which the scope names.", name)
			}
		default:
			return nil, seaworthy.Invalid("%q begins with none of cluster, repository, namespace and system.", line)
		}
		out = append(out, item)
	}
	return out, nil
}

// sourceCalled is the id of the source with a name, or with that id.
func sourceCalled(names names, name string) string {
	all := sortedSources(names)
	at := slices.IndexFunc(all, func(s seaworthy.DeclaredSource) bool { return s.Name == name })
	if at < 0 {
		at = slices.IndexFunc(all, func(s seaworthy.DeclaredSource) bool { return s.ID == name })
	}
	if at < 0 {
		return ""
	}
	return all[at].ID
}

// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// blind is what a report could not see or judge. What it hides is not closed: that it was
// not found says nothing.
type blind struct {
	judged     map[string]seaworthy.Status // what came of each check
	all        bool                        // nothing can be told
	checks     map[string]bool             // of every object
	judgements map[[2]string]bool          // of check and object
	objects    map[string]bool             // "shop/Deployment/api"
	namespaces map[string]bool
	groups     map[string]bool // whole API groups
	resources  []resource
	files      []string // or folders
}

// resource is a resource that could not be listed, whole, in a namespace or one object.
type resource struct{ plural, group, namespace, name string }

// emptyFile is what manifest readers say of a file that they read and that holds nothing
// to judge: what was found in it before is gone.
const emptyFile = "holds no Kubernetes object"

func newBlind(r *report) *blind {
	b := &blind{
		judged: map[string]seaworthy.Status{}, checks: map[string]bool{}, judgements: map[[2]string]bool{},
		objects: map[string]bool{}, namespaces: map[string]bool{}, groups: map[string]bool{},
	}
	named := map[string]bool{}
	for _, list := range [][]seaworthy.Problem{r.errors, r.skipped} {
		for _, p := range list {
			if p.Check != "" {
				named[p.Check] = true
			}
			b.add(p)
		}
	}
	for _, c := range r.checks {
		b.judged[c.ID] = c.Status
		if c.Errors > 0 && !named[c.ID] { // of which objects is not said
			b.checks[c.ID] = true
		}
	}
	return b
}

func (b *blind) add(p seaworthy.Problem) {
	switch {
	case p.Check != "" && p.Object != "":
		b.judgements[[2]string{p.Check, p.Object}] = true
	case p.Check != "":
		b.checks[p.Check] = true
	case p.Object != "":
		b.object(p)
	case p.File != "" && strings.HasPrefix(p.Message, emptyFile):
	case p.File != "":
		b.files = append(b.files, strings.TrimSuffix(p.File, "/"))
	default:
		b.all = true
	}
}

// object takes in an error about something of a cluster, as internal/kube names it:
// "deployments.apps", "deployments.apps shop/api", "apps/v1", "namespace shop",
// "shop/Deployment/api".
func (b *blind) object(p seaworthy.Problem) {
	head, rest, two := strings.Cut(p.Object, " ")
	switch {
	case two && head == "namespace":
		b.namespaces[rest] = true
	case two:
		namespace, name, found := strings.Cut(rest, "/")
		if !found {
			namespace, name = "", rest
		}
		b.resource(head, namespace, name)
	case strings.Count(head, "/") == 2, strings.Contains(head, "/") && strings.ToLower(head) != head:
		b.objects[head] = true
	case strings.Contains(head, "/"):
		group, _, _ := strings.Cut(head, "/")
		b.groups[group] = true
	case head == "v1":
		b.groups[""] = true
	default:
		namespace := ""
		if _, after, found := strings.Cut(p.Message, ": in namespace "); found {
			namespace, _, _ = strings.Cut(after, ":")
		}
		b.resource(head, namespace, "")
	}
}

func (b *blind) resource(full, namespace, name string) {
	plural, group, _ := strings.Cut(full, ".")
	b.resources = append(b.resources, resource{plural, group, namespace, name})
}

// hides tells whether the report cannot say that the finding is gone.
func (b *blind) hides(f *seaworthy.TrackedFinding) bool {
	switch b.judged[f.Check] {
	case seaworthy.StatusPassed, seaworthy.StatusFailed, seaworthy.StatusNotApplicable:
	default: // not evaluated, the provider's, an error, or it did not run
		return true
	}
	return b.checks[f.Check] || b.judgements[[2]string{f.Check, f.Object.String()}] || b.hidesObject(f)
}

// hidesObject tells whether the report cannot say that the finding's object is gone.
func (b *blind) hidesObject(f *seaworthy.TrackedFinding) bool {
	if b.all || b.objects[f.Object.String()] || b.groups[f.Object.Group()] || f.Object.Namespace != "" && b.namespaces[f.Object.Namespace] {
		return true
	}
	if f.Object.Kind == "Namespace" && b.namespaces[f.Object.Name] {
		return true
	}
	return slices.ContainsFunc(b.resources, func(r resource) bool { return r.is(f.Object) }) ||
		slices.ContainsFunc(b.files, func(file string) bool {
			return within(f.File, file) || f.Origin != "" && within(f.Origin, file)
		})
}

// is tells whether the object may be of the resource. The plural is guessed from the
// kind, as Kubernetes does. Custom resources may be called otherwise, indices for Index:
// there, what begins alike may be it, since closing too little is set right by the next
// report that sees, and closing too much is not.
func (r resource) is(o seaworthy.Object) bool {
	if r.group != o.Group() || r.namespace != "" && r.namespace != o.Namespace || r.name != "" && r.name != o.Name {
		return false
	}
	kind := strings.ToLower(o.Kind)
	stem, y := strings.CutSuffix(kind, "y")
	if r.plural == kind || r.plural == kind+"s" || r.plural == kind+"es" || y && r.plural == stem+"ies" {
		return true
	}
	custom := strings.Contains(r.group, ".") && !strings.HasSuffix(r.group, ".k8s.io")
	return custom && len(kind) > 1 && strings.HasPrefix(r.plural, kind[:2])
}

// within tells whether a file is the other, or in that folder.
func within(file, folder string) bool {
	return file != "" && (file == folder || strings.HasPrefix(file, folder+"/"))
}

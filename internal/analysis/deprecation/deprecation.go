// SPDX-License-Identifier: Apache-2.0

// Package deprecation reports objects whose API version the judged Kubernetes version
// has deprecated, has removed or does not serve yet, and the same for the custom
// resources of widely used add-ons.
//
// What is judged is the apiVersion as it was written or listed, never an annotation:
// what a client once applied says nothing about who maintains the object now. A live
// cluster lists objects in versions that it serves, so it is the manifests that tell
// whether an upgrade will break them.
package deprecation

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const id = "deprecated-api"

// Analyzer holds deprecated-api.
var Analyzer = &analysis.Analyzer{
	Name: "deprecation",
	Doc:  "Objects of API versions that are deprecated or removed.",
	Checks: []seaworthy.Check{{
		ID: id, Title: "Object uses a deprecated or removed API version",
		Severity: seaworthy.Medium, Category: "Reliability", Scope: seaworthy.ScopeEngine,
		Rationale: "A version that the API server no longer serves cannot be applied: the next deployment or the restore " +
			"from a backup fails, most often right after an upgrade.",
		Remediation: "Write the object in the version that the finding names; kubectl convert helps where fields changed.",
		Snippet:     "kubectl convert -f FILE --output-version GROUP/VERSION",
		Controls:    []string{"platform-lifecycle", "configuration-management"},
		Params: []seaworthy.Param{{
			Name: "components",
			Doc: "Versions of add-ons to judge against, such as cert-manager=1.5,istio=1.20; " +
				"an add-on that is not named is judged as its newest version",
		}},
	}},
	Run: run,
}

func run(ctx context.Context, p *analysis.Pass) error {
	j, err := newJudge(p.Snapshot.Target, p.Params(id)["components"])
	if err != nil {
		p.Report.Error(id, nil, err)
		return nil
	}
	for _, o := range p.Snapshot.Objects() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if o.Owner != nil || generated(p.Snapshot, o) {
			continue // judged through what made it
		}
		if message := j.judge(o); message != "" {
			p.Report.Judge(id, o, seaworthy.Item{Key: "apiVersion", Path: "apiVersion", Message: message})
		} else {
			p.Report.Judge(id, o)
		}
	}
	return nil
}

// generated tells whether the cluster keeps the object by itself: Endpoints of a
// Service with a selector, or the record of an elected leader.
func generated(s *snapshot.Snapshot, o *snapshot.Object) bool {
	if o.Kind != "Endpoints" || !s.Cluster() {
		return false
	}
	if e, ok := o.View().(metav1.Object); ok && e.GetAnnotations()["control-plane.alpha.kubernetes.io/leader"] != "" {
		return true
	}
	service := s.Lookup("", "Service", o.Namespace, o.Name)
	if service == nil {
		return false
	}
	svc, ok := service.View().(*corev1.Service)
	return ok && (len(svc.Spec.Selector) > 0 || o.Namespace == "default" && o.Name == "kubernetes")
}

// judge knows the versions to judge against.
type judge struct {
	target     analysis.Version
	components map[string]analysis.Version
}

func newJudge(target, components string) (*judge, error) {
	if target == "" {
		target = Newest
	}
	v, err := analysis.ParseVersion(target)
	if err != nil {
		return nil, seaworthy.Invalid("Kubernetes %v", err)
	}
	j := &judge{target: v, components: map[string]analysis.Version{}}
	for _, part := range strings.FieldsFunc(components, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, version, _ := strings.Cut(part, "=")
		if j.components[name], err = analysis.ParseVersion(version); err != nil {
			return nil, seaworthy.Invalid("parameter components of %s: %q: %v", id, part, err)
		}
	}
	return j, nil
}

// judge gives what is wrong with the object's API version, or nothing.
func (j *judge) judge(o *snapshot.Object) string {
	what := o.APIVersion + " " + o.Kind
	a := Find(o.APIVersion, o.Kind)
	if a == nil {
		return j.notYet(o, what)
	}
	name, at, limited := a.Component, analysis.Version{}, true
	if a.Component == kubernetes {
		name, at = "Kubernetes", j.target
	} else {
		at, limited = j.components[a.Component]
	}
	removed := a.Removed != analysis.Version{}
	switch {
	case removed && (!limited || !at.Before(a.Removed)):
		return fmt.Sprintf("%s is not served since %s %s; use %s", what, name, a.Removed, a.Use)
	case limited && at.Before(a.Deprecated):
		return j.notYet(o, what)
	case removed:
		return fmt.Sprintf("%s is deprecated since %s %s and will not be served from %s on; use %s", what, name, a.Deprecated, a.Removed, a.Use)
	}
	return fmt.Sprintf("%s is deprecated since %s %s; use %s", what, name, a.Deprecated, a.Use)
}

// introduced is what the types of k8s.io/api say of themselves.
type introduced interface {
	APILifecycleIntroduced() (major, minor int)
}

// notYet tells of a version that came after the target.
func (j *judge) notYet(o *snapshot.Object, what string) string {
	gvk := o.GVK()
	if !o.BuiltIn() && !scheme.Scheme.Recognizes(gvk) {
		return ""
	}
	t, err := scheme.Scheme.New(gvk)
	if err != nil {
		return ""
	}
	if l, ok := t.(introduced); ok {
		major, minor := l.APILifecycleIntroduced()
		if since := (analysis.Version{Major: major, Minor: minor}); j.target.Before(since) {
			return fmt.Sprintf("%s is not served before Kubernetes %s, and %s is judged", what, since, j.target)
		}
	}
	return ""
}

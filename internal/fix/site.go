// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"errors"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// site is a finding in its object, as the remedies look at it.
type site struct {
	finding *seaworthy.Finding
	object  map[string]any // decoded, with the edits so far
	path    []string
	named   bool // the user named the check
}

// errByName says that a remedy is not known to be safe here, so that the user has to ask
// for it.
var errByName = errors.New("the remedy needs a test first")

// The reasons for which people have to look themselves.
const (
	errRoot      = refusal("runAsUser is 0, so runAsNonRoot would keep the container from starting")
	errEscalates = refusal("the API server refuses allowPrivilegeEscalation: false beside privileged or SYS_ADMIN")
	errSuccessor = refusal("the successor of the API version has other fields or another meaning")
	errConfined  = refusal("a seccomp profile is set by hand; correct its type")
	errNoPod     = refusal("the object has no pod template of its own")
)

// endsIn tells whether a path ends with a field.
func endsIn(path, field string) bool {
	have, want := snapshot.Steps(path), snapshot.Steps(field)
	return len(have) >= len(want) && slices.Equal(have[len(have)-len(want):], want)
}

// plan gives the change that settles the finding. No change is needed when an earlier
// one did it, which ok tells.
func (s *site) plan(r *Remedy) (e edit, ok bool, err error) {
	e = edit{s.path, r.value, r.add}
	if r.edit != nil {
		if e, err = r.edit(s); err != nil {
			return edit{}, false, err
		}
	}
	if e.holds(s.object) {
		return e, false, nil
	}
	for i, step := range e.path { // a field is added, not a whole pod
		if _, there := get(s.object, e.path[:i+1]...); !there {
			if step == "spec" || step == "template" {
				return edit{}, false, errNoPod
			}
			break
		}
	}
	if r.never != nil {
		if err := r.never(s); err != nil {
			return edit{}, false, err
		}
	}
	if !s.named {
		if err := s.unnamed(r, e); err != nil {
			return edit{}, false, err
		}
	}
	return e, true, nil
}

// unnamed gives the reason against a change that the user did not ask for by name.
func (s *site) unnamed(r *Remedy, e edit) error {
	if r.safe == nil {
		return errByName
	}
	// What is written there was written on purpose, and a custom resource may not know the
	// field.
	if _, there := get(s.object, e.path...); there && !e.add && !r.replaces || s.custom() {
		return errByName
	}
	return r.safe(s)
}

// custom tells whether the object is of a custom resource that is not known to have an
// ordinary pod template.
func (s *site) custom() bool {
	o := s.finding.Object
	group := o.Group()
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io") &&
		(group != "argoproj.io" || o.Kind != "Rollout")
}

// container gives the container that the path leads through and the spec of its pod;
// both are nil where there is none.
func (s *site) container() (c, pod map[string]any) {
	for i, step := range s.path[:len(s.path)-1] {
		switch step {
		case "containers", "initContainers", "ephemeralContainers":
			v, _ := get(s.object, s.path[:i+2]...)
			p, _ := get(s.object, s.path[:i]...)
			c, _ = v.(map[string]any)
			pod, _ = p.(map[string]any)
			return c, pod
		}
	}
	return nil, nil
}

// context gives a field of the container's security context, or else the pod's.
func (s *site) context(field string) any {
	c, pod := s.container()
	if v, ok := get(c, "securityContext", field); ok {
		return v
	}
	v, _ := get(pod, "securityContext", field)
	return v
}

func (s *site) list(path ...string) []any {
	c, _ := s.container()
	v, _ := get(c, path...)
	l, _ := v.([]any)
	return l
}

func alwaysSafe(*site) error { return nil }

func rootUser(s *site) error {
	if user, ok := s.context("runAsUser").(float64); ok && user == 0 {
		return errRoot
	}
	return nil
}

func otherUser(s *site) error {
	if user, ok := s.context("runAsUser").(float64); !ok || user <= 0 {
		return errByName
	}
	return nil
}

func escalates(s *site) error {
	c, _ := s.container()
	if v, _ := get(c, "securityContext", "privileged"); v == true {
		return errEscalates
	}
	for _, a := range s.list("securityContext", "capabilities", "add") {
		if name, _ := a.(string); strings.TrimPrefix(strings.ToUpper(name), "CAP_") == "SYS_ADMIN" {
			return errEscalates
		}
	}
	return nil
}

func addsNothing(s *site) error {
	if len(s.list("securityContext", "capabilities", "add")) > 0 {
		return errByName
	}
	return nil
}

// powerless finds processes that have no capability and can gain none: they do not run
// as root, and no program gives them rights.
func powerless(s *site) error {
	if err := addsNothing(s); err != nil {
		return err
	}
	c, _ := s.container()
	user, given := s.context("runAsUser").(float64)
	escalation, _ := get(c, "securityContext", "allowPrivilegeEscalation")
	switch {
	case given && user == 0, escalation != false:
		return errByName
	case given, s.context("runAsNonRoot") == true:
		return nil
	}
	return errByName
}

// podSeccomp sets the profile of the pod in place of that of each container.
func podSeccomp(s *site) (edit, error) {
	if _, there := get(s.object, s.path...); there {
		return edit{}, errConfined
	}
	for i, step := range s.path {
		if strings.HasSuffix(strings.ToLower(step), "containers") {
			path := append(slices.Clone(s.path[:i]), "securityContext", "seccompProfile")
			if _, there := get(s.object, path...); there {
				if v, _ := get(s.object, append(path, "type")...); v != "RuntimeDefault" {
					return edit{}, errConfined
				}
			}
			return edit{path: append(path, "type"), value: "RuntimeDefault"}, nil
		}
	}
	return edit{}, errConfined
}

// dropNetRaw drops NET_RAW unless all is dropped by now.
func dropNetRaw(s *site) (edit, error) {
	e := edit{s.path, "NET_RAW", true}
	if all := (edit{s.path, "ALL", true}); all.holds(s.object) {
		return all, nil
	}
	return e, nil
}

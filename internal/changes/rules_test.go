// SPDX-License-Identifier: Apache-2.0

package changes_test

import (
	"slices"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

func TestWidens(t *testing.T) {
	role := func(rules string) string {
		return `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","rules":` + rules + `}`
	}
	binding := func(subjects, role string) string {
		return `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","roleRef":{"name":"` + role + `"},"subjects":` + subjects + `}`
	}
	const get = `[{"verbs":["get","list"],"apiGroups":[""],"resources":["pods"]}]`
	for name, test := range map[string]struct {
		before, after string
		want          bool
	}{
		"a new role":                {`null`, role(get), true},
		"the same, in two rules":    {role(get), role(`[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]},{"verbs":["list"],"apiGroups":[""],"resources":["pods"]}]`), false},
		"less":                      {role(get), role(`[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]`), false},
		"one verb more":             {role(get), role(`[{"verbs":["get","list","delete"],"apiGroups":[""],"resources":["pods"]}]`), true},
		"everything":                {role(get), role(`[{"verbs":["*"],"apiGroups":[""],"resources":["pods"]}]`), true},
		"named within all":          {role(get), role(`[{"verbs":["get"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}]`), false},
		"all where some were named": {role(`[{"verbs":["get"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}]`), role(`[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]`), true},
		"a path":                    {role(`[]`), role(`[{"verbs":["get"],"nonResourceURLs":["/metrics"]}]`), true},
		"what cannot be read":       {role(`"x"`), role(get), true},
		"aggregation": {
			`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole"}`,
			`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","aggregationRule":{"clusterRoleSelectors":[{}]}}`, true,
		},
		"a new subject":    {binding(`[{"kind":"User","name":"a"}]`, "view"), binding(`[{"kind":"User","name":"a"},{"kind":"User","name":"b"}]`, "view"), true},
		"a subject less":   {binding(`[{"kind":"User","name":"a"},{"kind":"User","name":"b"}]`, "view"), binding(`[{"kind":"User","name":"b"}]`, "view"), false},
		"another role":     {binding(`[{"kind":"User","name":"a"}]`, "view"), binding(`[{"kind":"User","name":"a"}]`, "admin"), true},
		"no RBAC at all":   {`null`, `{"apiVersion":"v1","kind":"Role","rules":[{"verbs":["*"]}]}`, false},
		"an empty binding": {`null`, binding(`[]`, "admin"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := changes.Widens(object(t, test.before), object(t, test.after)); got != test.want {
				t.Errorf("widens: %t, want %t", got, test.want)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	own := func(o *seaworthy.ChangedObject) bool { return o.Name == "seaworthy" }
	observe := func(verb, version, kind, name string) *changes.Observation {
		return &changes.Observation{Verb: verb, Object: seaworthy.ChangedObject{Object: seaworthy.Object{APIVersion: version, Kind: kind, Name: name}}}
	}
	const hooks = "admissionregistration.k8s.io/v1"
	for _, test := range []struct {
		o          *changes.Observation
		production bool
		want       []seaworthy.Flag
	}{
		{observe(seaworthy.VerbDelete, hooks, "ValidatingWebhookConfiguration", "seaworthy"), true, []seaworthy.Flag{seaworthy.FlagOwnConfig, seaworthy.FlagAuditRemoved}},
		{observe(seaworthy.VerbUpdate, "apps/v1", "Deployment", "seaworthy"), true, []seaworthy.Flag{seaworthy.FlagOwnConfig}},
		{observe(seaworthy.VerbUpdate, "apps/v1", "Deployment", "shop"), true, nil},
		{observe(seaworthy.VerbExec, "v1", "Pod", "shop"), true, []seaworthy.Flag{seaworthy.FlagSession}},
		{observe(seaworthy.VerbExec, "v1", "Pod", "shop"), false, nil},
		{observe(seaworthy.VerbRead, "v1", "Secret", "shop"), false, []seaworthy.Flag{seaworthy.FlagSecretRead}},
		{observe(seaworthy.VerbRead, "v1", "Secret", "seaworthy"), true, []seaworthy.Flag{seaworthy.FlagSecretRead}},
	} {
		if got := changes.Flags(test.o, own, test.production); !slices.Equal(got, test.want) {
			t.Errorf("%s of %s: %q, want %q", test.o.Verb, test.o.Object, got, test.want)
		}
	}
}

func TestUndoes(t *testing.T) {
	change := func(id, verb, uid, was, intent string, at time.Duration) seaworthy.Change {
		return seaworthy.Change{ID: id, Verb: verb, At: start.Add(at), Object: seaworthy.ChangedObject{UID: uid, Was: was, Intent: intent}}
	}
	const create, update, del = seaworthy.VerbCreate, seaworthy.VerbUpdate, seaworthy.VerbDelete
	failed := change("1", update, "u", "a", "b", 0)
	failed.Outcome = seaworthy.OutcomeFailed
	for name, test := range map[string]struct {
		recorded []seaworthy.Change
		c        seaworthy.Change
		want     int
	}{
		"there and back":            {[]seaworthy.Change{change("1", update, "u", "a", "b", 0)}, change("2", update, "u", "b", "a", time.Minute), 0},
		"in two steps":              {[]seaworthy.Change{change("1", update, "u", "a", "b", 0), change("2", update, "u", "b", "c", 0)}, change("3", update, "u", "c", "a", time.Minute), 0},
		"too late":                  {[]seaworthy.Change{change("1", update, "u", "a", "b", 0)}, change("2", update, "u", "b", "a", 2*time.Hour), -1},
		"somewhere else":            {[]seaworthy.Change{change("1", update, "u", "a", "b", 0)}, change("2", update, "u", "b", "c", time.Minute), -1},
		"made and deleted":          {[]seaworthy.Change{change("1", create, "u", "", "b", 0)}, change("2", del, "u", "b", "", time.Minute), 0},
		"deleted and made again":    {[]seaworthy.Change{change("1", del, "u", "a", "", 0)}, change("2", create, "v", "", "a", time.Minute), 0},
		"what did not persist":      {[]seaworthy.Change{failed}, change("2", update, "u", "b", "a", time.Minute), -1},
		"deleted for good":          {[]seaworthy.Change{change("1", update, "u", "a", "b", 0)}, change("2", del, "u", "b", "", time.Minute), -1},
		"another of the same name":  {[]seaworthy.Change{change("1", create, "u", "", "b", 0)}, change("2", del, "v", "b", "", time.Minute), -1},
		"nothing known of before":   {[]seaworthy.Change{change("1", update, "u", "", "b", 0)}, change("2", update, "u", "", "", time.Minute), -1},
		"known of before by record": {[]seaworthy.Change{change("0", create, "u", "", "a", -48*time.Hour), change("1", update, "u", "", "b", 0)}, change("2", update, "u", "", "a", time.Minute), 1},
		"not by what was deleted":   {[]seaworthy.Change{change("0", del, "t", "a", "", -time.Hour), change("1", update, "u", "", "b", 0)}, change("2", update, "u", "", "a", time.Minute), -1},
		"the change itself, stored": {[]seaworthy.Change{change("2", update, "u", "a", "b", 0)}, change("2", update, "u", "a", "a", 0), -1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := changes.Undoes(&test.c, test.recorded, time.Hour); got != test.want {
				t.Errorf("undoes %d, want %d", got, test.want)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	change := func() seaworthy.Change {
		c := seaworthy.Change{SourceID: "c1", Verb: "update", At: start, Edits: []seaworthy.Edit{{Path: "spec.replicas"}}}
		c.Object.Object = seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"}
		c.Actor.Username = "ci"
		return c
	}
	deployment := func(f func(d *seaworthy.Deployment)) seaworthy.Deployment {
		d := seaworthy.Deployment{ID: "d1", SourceID: "c1", Namespaces: []string{"shop"}, Images: []string{"cart@sha256:a"}, From: start.Add(-5 * time.Minute), Until: start.Add(time.Minute), RecordedAt: start.Add(-5 * time.Minute), By: "pipeline"}
		if f != nil {
			f(&d)
		}
		return d
	}
	approval := &seaworthy.Approval{Author: "ann", Approvers: []string{"bob"}, MergedAt: start.Add(-time.Hour)}
	for name, test := range map[string]struct {
		change     func(c *seaworthy.Change)
		deployment func(d *seaworthy.Deployment)
		rules      []seaworthy.ChangeRule
		want       seaworthy.Match
		late       bool
	}{
		"claimed":  {want: seaworthy.MatchClaimed},
		"verified": {deployment: func(d *seaworthy.Deployment) { d.Verified = approval }, want: seaworthy.MatchVerified},
		"approved by the author": {deployment: func(d *seaworthy.Deployment) {
			d.Verified = &seaworthy.Approval{Author: "ann", Approvers: []string{"ann"}}
		}, want: seaworthy.MatchOutOfBand},
		"refused by the git host":         {deployment: func(d *seaworthy.Deployment) { d.Verified = &seaworthy.Approval{Refusal: "not merged"} }, want: seaworthy.MatchOutOfBand},
		"approved by who made the change": {change: func(c *seaworthy.Change) { c.Actor.Person = "bob" }, deployment: func(d *seaworthy.Deployment) { d.Verified = approval }, want: seaworthy.MatchOutOfBand},
		"another cluster":                 {deployment: func(d *seaworthy.Deployment) { d.SourceID = "c2" }, want: seaworthy.MatchOutOfBand},
		"another time":                    {deployment: func(d *seaworthy.Deployment) { d.Until = start.Add(-2 * time.Minute) }, want: seaworthy.MatchOutOfBand},
		"another namespace":               {deployment: func(d *seaworthy.Deployment) { d.Namespaces = []string{"web"} }, want: seaworthy.MatchOutOfBand},
		"another image":                   {deployment: func(d *seaworthy.Deployment) { d.Images = []string{"cart@sha256:b"} }, want: seaworthy.MatchOutOfBand},
		"another identity":                {deployment: func(d *seaworthy.Deployment) { d.Identity = "robot" }, want: seaworthy.MatchOutOfBand},
		"images alone":                    {change: func(c *seaworthy.Change) { c.Images, c.Object.Kind = nil, "ConfigMap" }, deployment: func(d *seaworthy.Deployment) { d.Namespaces = nil }, want: seaworthy.MatchOutOfBand},
		"an exec":                         {change: func(c *seaworthy.Change) { c.Verb = "exec" }, want: seaworthy.MatchOutOfBand},
		"recorded afterwards":             {deployment: func(d *seaworthy.Deployment) { d.RecordedAt = start.Add(time.Hour) }, want: seaworthy.MatchClaimed, late: true},
		"a rule that asks for nothing":    {rules: []seaworthy.ChangeRule{{Name: "scaling", Kinds: []string{"Deploy*"}, Paths: []string{"spec.replicas"}}}, deployment: func(d *seaworthy.Deployment) { d.SourceID = "" }, want: seaworthy.MatchExempt},
		"a rule for other fields":         {rules: []seaworthy.ChangeRule{{Name: "scaling", Paths: []string{"spec.rep"}}}, deployment: func(d *seaworthy.Deployment) { d.SourceID = "" }, want: seaworthy.MatchOutOfBand},
		"the first rule decides":          {rules: []seaworthy.ChangeRule{{Name: "shop", Namespaces: []string{"shop"}, Approval: true}, {Name: "all"}}, deployment: func(d *seaworthy.Deployment) { d.SourceID = "" }, want: seaworthy.MatchOutOfBand},
	} {
		t.Run(name, func(t *testing.T) {
			c := change()
			c.Images = []string{"registry/cart@sha256:a"}
			if test.change != nil {
				test.change(&c)
			}
			changes.Match(&c, test.rules, []seaworthy.Deployment{deployment(test.deployment)}, nil)
			if c.Match != test.want || c.Late != test.late || c.MatchWhy == "" {
				t.Errorf("%s (late %t, %s), want %s (%t)", c.Match, c.Late, c.MatchWhy, test.want, test.late)
			}
		})
	}
	c := change()
	weak, strong := deployment(nil), deployment(func(d *seaworthy.Deployment) { d.ID, d.Verified = "d2", approval })
	for _, list := range [][]seaworthy.Deployment{{weak, strong}, {strong, weak}} {
		if changes.Match(&c, nil, list, nil); c.MatchID != "d2" {
			t.Errorf("the weaker of two deployments was taken: %s", c.MatchID)
		}
	}
	if err := (seaworthy.ChangeRule{Name: "x", Kinds: []string{"["}}).Validate(); err == nil {
		t.Error("a malformed pattern is taken")
	}
	if err := (seaworthy.ChangeRule{}).Validate(); err == nil {
		t.Error("a rule without a name is taken")
	}
}

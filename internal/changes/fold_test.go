// SPDX-License-Identifier: Apache-2.0

package changes_test

import (
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

const (
	sets        = "system:serviceaccount:kube-system:replicaset-controller"
	deployments = "system:serviceaccount:kube-system:deployment-controller"
	collector   = "system:serviceaccount:kube-system:generic-garbage-collector"
	oneForAll   = "system:kube-controller-manager"
)

const setOwner = `"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"cart-7d","uid":"rs","controller":true}]`

// podOf is a Pod that the cluster made, with what it adds.
func podOf(t *testing.T, image, more, meta string) map[string]any {
	t.Helper()
	return object(t, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"cart-7d-x","namespace":"shop","uid":"p",`+meta+`},"spec":{"restartPolicy":"Always","serviceAccountName":"default","serviceAccount":"default",
		"nodeName":"n","tolerations":[{}],"containers":[{"name":"app","image":"`+image+`","volumeMounts":[{"name":"data","mountPath":"/d"},{"name":"kube-api-access-x","mountPath":"/var/run"}]}],
		"volumes":[{"name":"data","emptyDir":{}},{"name":"kube-api-access-x","projected":{}}]`+more+`}}`)
}

// set is the ReplicaSet that says what the Pod is to run.
func set(t *testing.T, replicas string) map[string]any {
	t.Helper()
	return object(t, `{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"cart-7d","namespace":"shop","uid":"rs","ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"cart","uid":"d","controller":true}]},
		"spec":{"replicas":`+replicas+`,"template":{"metadata":{"labels":{"a":"b"}},"spec":{"restartPolicy":"Always",
		"containers":[{"name":"app","image":"a:1","volumeMounts":[{"name":"data","mountPath":"/d"}]}],"volumes":[{"name":"data","emptyDir":{}}]}}}}`)
}

func seenBy(by, verb, user, manager string, before, after map[string]any) *changes.Observation {
	o := &changes.Observation{Sighting: seaworthy.Sighting{By: by, ID: "1", At: start}, Verb: verb, Before: before, After: after, Outcome: seaworthy.OutcomePersisted}
	o.Actor.Username, o.Actor.Manager = user, manager
	o.Describe()
	return o
}

// TestWeigh holds what controllers do all day against what somebody does who poses as one,
// or who is not seen.
func TestWeigh(t *testing.T) {
	webhook := func(verb, user string, before, after map[string]any) *changes.Observation {
		return seenBy(seaworthy.SeenByWebhook, verb, user, "", before, after)
	}
	watch := func(verb, manager string, before, after map[string]any) *changes.Observation {
		return seenBy(seaworthy.SeenByWatch, verb, "", manager, before, after)
	}
	const create, update, del = seaworthy.VerbCreate, seaworthy.VerbUpdate, seaworthy.VerbDelete
	pod := func(image, more string) map[string]any { return podOf(t, image, more, setOwner) }
	owner := &changes.Owner{UID: "rs", Templates: []string{changes.Template(set(t, "1"))}}
	owned, caused := changes.Known{Owner: owner}, changes.Known{Owner: owner, Cause: true}
	deployment := func(meta, spec string) map[string]any {
		return object(t, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"cart","namespace":"shop","uid":"d"`+meta+`},"spec":{`+spec+`}}`)
	}
	noted := func(name string) map[string]any { return deployment(`,"annotations":{"`+name+`":"2"}`, "") }
	ingress := func(snippet string) map[string]any {
		return object(t, `{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"cart","namespace":"shop","annotations":{"nginx.ingress.kubernetes.io/configuration-snippet":"`+snippet+`"}},"spec":{}}`)
	}
	claim := func(finalizers, rest string) map[string]any {
		return object(t, `{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"shop","finalizers":`+finalizers+`},"spec":{`+rest+`}}`)
	}
	named := func(kind, name, version string) map[string]any {
		return object(t, `{"apiVersion":"`+version+`","kind":"`+kind+`","metadata":{"name":"`+name+`","namespace":"shop"}}`)
	}
	node := func(labels, taints string) map[string]any {
		return object(t, `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1","labels":{`+labels+`}},"spec":{"taints":[`+taints+`]}}`)
	}
	unplaced := pod("a:1", "")
	delete(unplaced["spec"].(map[string]any), "nodeName")
	going := podOf(t, "a:1", "", `"deletionTimestamp":"2026-03-02T09:30:00Z"`)
	lonely := podOf(t, "a:1", "", `"labels":{}`)
	read := func(user string) *changes.Observation {
		o := &changes.Observation{Verb: seaworthy.VerbRead, Sighting: seaworthy.Sighting{By: seaworthy.SeenByAudit, At: start}}
		o.Object.APIVersion, o.Object.Kind, o.Actor.Username = "v1", "Secret", user
		return o
	}
	token := func(user, namespace, account string) *changes.Observation {
		o := &changes.Observation{Verb: create, Sighting: seaworthy.Sighting{By: seaworthy.SeenByAudit, At: start}, Outcome: seaworthy.OutcomePersisted}
		o.Object.Object = seaworthy.Object{APIVersion: "v1", Kind: "ServiceAccount", Namespace: namespace, Name: account}
		o.Object.Subresource, o.Actor.Username = "token", user
		return o
	}
	for name, test := range map[string]struct {
		o    *changes.Observation
		k    changes.Known
		want changes.Verdict
	}{
		"a pod that runs what its set says":                 {webhook(create, sets, nil, pod("a:1", "")), owned, changes.Folds},
		"the same where all controllers share a name":       {webhook(create, oneForAll, nil, pod("a:1", "")), owned, changes.Folds},
		"the same on EKS":                                   {webhook(create, "eks:kube-controller-manager", nil, pod("a:1", "")), owned, changes.Folds},
		"the same, seen by the watch alone":                 {watch(create, "kube-controller-manager", nil, pod("a:1", "")), owned, changes.Folds},
		"a pod of the set that a client made, by the watch": {watch(create, "kubectl-create", nil, pod("a:1", "")), owned, changes.Ordinary},
		"a pod that runs another image":                     {webhook(create, sets, nil, pod("evil", "")), owned, changes.Ordinary},
		"a pod that runs another image, by the watch":       {watch(create, "kube-controller-manager", nil, pod("evil", "")), owned, changes.Ordinary},
		"a pod with the host's network":                     {webhook(create, sets, nil, pod("a:1", `,"hostNetwork":true`)), owned, changes.Ordinary},
		"a pod with one more container":                     {webhook(create, sets, nil, pod("a:1", `,"initContainers":[{"name":"x","image":"evil"}]`)), owned, changes.Ordinary},
		"a pod that a person makes":                         {webhook(create, "alice", nil, pod("a:1", "")), owned, changes.Ordinary},
		"a pod that another controller makes":               {webhook(create, collector, nil, pod("a:1", "")), owned, changes.Ordinary},
		"a pod that an add-on makes":                        {webhook(create, "system:serviceaccount:kube-system:coredns", nil, pod("a:1", "")), owned, changes.Ordinary},
		"a pod of an owner that is not known yet":           {webhook(create, sets, nil, pod("a:1", "")), changes.Known{}, changes.Undecided},
		"a pod of no owner under a controller's name":       {webhook(create, sets, nil, lonely), owned, changes.Ordinary},
		"a pod that was refused": {func() *changes.Observation {
			o := webhook(create, sets, nil, pod("a:1", ""))
			o.Outcome = seaworthy.OutcomeDenied
			return o
		}(), owned, changes.Ordinary},
		"a set that its Deployment scales":                      {webhook(update, deployments, set(t, "1"), set(t, "5")), changes.Known{}, changes.Folds},
		"a set scaled by a person":                              {webhook(update, "alice", set(t, "1"), set(t, "5")), caused, changes.Ordinary},
		"a set scaled by nobody knows whom":                     {watch(update, "kubectl-scale", set(t, "1"), set(t, "5")), caused, changes.Ordinary},
		"a set scaled after its Deployment changed, unseen":     {watch(update, "kube-controller-manager", set(t, "1"), set(t, "5")), caused, changes.Follows},
		"a set scaled out of the blue, unseen":                  {watch(update, "kube-controller-manager", set(t, "1"), set(t, "5")), owned, changes.Ordinary},
		"a set of which only the end is told":                   {webhook(update, deployments, nil, set(t, "5")), changes.Known{Owner: &changes.Owner{Templates: owner.Templates}}, changes.Folds},
		"a set of which only the end is told, of another image": {webhook(update, deployments, nil, set(t, "5")), changes.Known{Owner: &changes.Owner{Templates: []string{"x"}}}, changes.Ordinary},
		"a revision counted":                                    {webhook(update, deployments, deployment("", ""), noted("deployment.kubernetes.io/revision")), changes.Known{}, changes.Folds},
		"a revision counted, by the watch":                      {watch(update, "kube-controller-manager", deployment("", ""), noted("deployment.kubernetes.io/revision")), changes.Known{}, changes.Folds},
		"another annotation under a controller's name":          {webhook(update, deployments, deployment("", ""), noted("scheduler.alpha.kubernetes.io/critical-pod")), changes.Known{}, changes.Ordinary},
		"another annotation, by the watch":                      {watch(update, "", deployment("", ""), noted("kubernetes.io/change-cause")), changes.Known{}, changes.Ordinary},
		"an ingress' snippet, by the watch":                     {watch(update, "", ingress("a"), ingress("evil")), caused, changes.Ordinary},
		"an ingress' snippet under a controller's name":         {webhook(update, oneForAll, ingress("a"), ingress("evil")), caused, changes.Ordinary},
		"a finalizer taken off by its controller":               {webhook(update, "system:serviceaccount:kube-system:pvc-protection-controller", claim(`["kubernetes.io/pvc-protection"]`, ""), claim(`[]`, "")), changes.Known{}, changes.Folds},
		"a finalizer taken off, by the watch":                   {watch(update, "kube-controller-manager", claim(`["kubernetes.io/pvc-protection"]`, ""), claim(`[]`, "")), changes.Known{}, changes.Ordinary},
		"somebody else's finalizer under a controller's name":   {webhook(update, oneForAll, claim(`["example.com/backup"]`, ""), claim(`[]`, "")), changes.Known{}, changes.Ordinary},
		"a claim that is bound":                                 {webhook(update, "system:serviceaccount:kube-system:persistent-volume-binder", claim(`[]`, ""), claim(`[]`, `"volumeName":"pv"`)), changes.Known{}, changes.Folds},
		"a pod that is placed":                                  {watch(update, "", unplaced, pod("a:1", "")), changes.Known{}, changes.Folds},
		"a pod's tolerations":                                   {watch(update, "kubectl-edit", pod("a:1", ""), pod("a:1", `,"tolerations":[{"operator":"Exists"}]`)), changes.Known{}, changes.Ordinary},
		"a deletion asked for":                                  {watch(update, "", lonely, podOf(t, "a:1", "", `"labels":{},"deletionTimestamp":"2026-03-02T09:30:00Z","deletionGracePeriodSeconds":30`)), changes.Known{}, changes.Folds},
		"a spec written under a controller's name":              {webhook(update, deployments, deployment("", ""), deployment("", `"replicas":3`)), caused, changes.Ordinary},
		"an autoscaler":                                         {webhook(update, "system:serviceaccount:kube-system:horizontal-pod-autoscaler", deployment("", ""), deployment("", `"replicas":3`)), caused, changes.Ordinary},
		"RBAC written under a controller's name":                {webhook(update, oneForAll, named("Role", "r", "rbac.authorization.k8s.io/v1"), named("Role", "r", "rbac.authorization.k8s.io/v1")), caused, changes.Ordinary},
		"RBAC made by the watch's word":                         {watch(create, "kube-controller-manager", nil, named("RoleBinding", "r", "rbac.authorization.k8s.io/v1")), caused, changes.Ordinary},
		"RBAC that goes with its namespace":                     {webhook(del, "system:serviceaccount:kube-system:namespace-controller", named("Role", "r", "rbac.authorization.k8s.io/v1"), nil), changes.Known{Cause: true}, changes.Follows},
		"a webhook configuration deleted":                       {webhook(del, oneForAll, named("ValidatingWebhookConfiguration", "x", "admissionregistration.k8s.io/v1"), nil), changes.Known{}, changes.Ordinary},
		"a lease of whoever runs there":                         {webhook(update, "system:serviceaccount:ingress:nginx", named("Lease", "l", "coordination.k8s.io/v1"), named("Lease", "l", "coordination.k8s.io/v1")), changes.Known{}, changes.Folds},
		"what an API server provides":                           {webhook(create, "system:apiserver", nil, object(t, `{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1.apps"},"spec":{"group":"apps"}}`)), changes.Known{}, changes.Follows},
		"an API of another server under its name":               {webhook(create, "system:apiserver", nil, object(t, `{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1.apps"},"spec":{"group":"apps","service":{"name":"evil"}}}`)), changes.Known{}, changes.Ordinary},
		"an API by a person":                                    {webhook(create, "alice", nil, object(t, `{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1.apps"},"spec":{"group":"apps"}}`)), changes.Known{}, changes.Ordinary},
		"a report of a tool":                                    {webhook(update, "system:serviceaccount:kyverno:reports", named("PolicyReport", "p", "wgpolicyk8s.io/v1alpha2"), named("PolicyReport", "p", "wgpolicyk8s.io/v1alpha2")), changes.Known{}, changes.Folds},
		"a report by a person":                                  {webhook(update, "alice", named("PolicyReport", "p", "wgpolicyk8s.io/v1alpha2"), named("PolicyReport", "p", "wgpolicyk8s.io/v1alpha2")), changes.Known{}, changes.Ordinary},
		"a lease by a person":                                   {webhook(update, "alice", named("Lease", "l", "coordination.k8s.io/v1"), named("Lease", "l", "coordination.k8s.io/v1")), changes.Known{}, changes.Ordinary},
		"the agent's lease by another account":                  {webhook(update, "system:serviceaccount:shop:x", named("Lease", "l", "coordination.k8s.io/v1"), named("Lease", "l", "coordination.k8s.io/v1")), changes.Known{Own: true}, changes.Ordinary},
		"an endpoint slice by its controller":                   {webhook(update, "system:serviceaccount:kube-system:endpointslice-controller", named("EndpointSlice", "s", "discovery.k8s.io/v1"), named("EndpointSlice", "s", "discovery.k8s.io/v1")), changes.Known{}, changes.Folds},
		"an endpoint slice by a person":                         {webhook(create, "alice", nil, named("EndpointSlice", "s", "discovery.k8s.io/v1")), changes.Known{}, changes.Ordinary},
		"an endpoint slice by nobody knows whom":                {watch(create, "kube-controller-manager", nil, named("EndpointSlice", "s", "discovery.k8s.io/v1")), changes.Known{}, changes.Ordinary},
		"a pod deleted by its set":                              {webhook(del, sets, pod("a:1", ""), nil), owned, changes.Folds},
		"a pod that its node is done with":                      {webhook(del, "system:node:n", going, nil), changes.Known{}, changes.Folds},
		"a pod that nobody asked a node to delete":              {webhook(del, "system:node:n", lonely, nil), changes.Known{}, changes.Ordinary},
		"a pod deleted by a person":                             {webhook(del, "alice", pod("a:1", ""), nil), caused, changes.Ordinary},
		"a pod deleted by nobody knows whom":                    {watch(del, "", pod("a:1", ""), nil), owned, changes.Ordinary},
		"a pod gone after a rollout, unseen":                    {watch(del, "", pod("a:1", ""), nil), caused, changes.Follows},
		"a Deployment deleted under a controller's name":        {webhook(del, collector, deployment("", ""), nil), changes.Known{}, changes.Ordinary},
		"a Deployment that goes with its owner":                 {webhook(del, collector, deployment("", ""), nil), changes.Known{Cause: true}, changes.Folds},
		"a node that registers itself":                          {webhook(create, "system:node:n1", nil, node("", "")), changes.Known{}, changes.Folds},
		"a node that registers another":                         {webhook(create, "system:node:n2", nil, node("", "")), changes.Known{}, changes.Ordinary},
		"a node that is not ready":                              {webhook(update, "system:serviceaccount:kube-system:node-controller", node("", ""), node("", `{"key":"node.kubernetes.io/not-ready","effect":"NoSchedule"}`)), changes.Known{}, changes.Folds},
		"a node tainted under a controller's name":              {webhook(update, "system:serviceaccount:kube-system:node-controller", node("", ""), node("", `{"key":"example.com/x","effect":"NoSchedule"}`)), changes.Known{}, changes.Ordinary},
		"a service account that every namespace has":            {webhook(create, "system:serviceaccount:kube-system:service-account-controller", nil, named("ServiceAccount", "default", "v1")), changes.Known{}, changes.Folds},
		"another service account":                               {webhook(create, "system:serviceaccount:kube-system:service-account-controller", nil, named("ServiceAccount", "x", "v1")), changes.Known{}, changes.Ordinary},
		"a Secret read by a node":                               {read("system:node:n1"), changes.Known{}, changes.Folds},
		"a Secret read by a controller":                         {read(oneForAll), changes.Known{}, changes.Folds},
		"a Secret read by an account":                           {read("system:serviceaccount:shop:cart"), changes.Known{}, changes.Ordinary},
		"a Secret read by a person":                             {read("alice"), changes.Known{}, changes.Ordinary},
		"a token for a pod of a node":                           {token("system:node:n1", "shop", "cart"), changes.Known{}, changes.Folds},
		"a token for a controller":                              {token(oneForAll, "kube-system", "job-controller"), changes.Known{}, changes.Folds},
		"a token for another under the controllers' name":       {token(oneForAll, "shop", "cart"), changes.Known{}, changes.Ordinary},
		"a token for a person":                                  {token("alice", "shop", "cart"), changes.Known{}, changes.Ordinary},
	} {
		t.Run(name, func(t *testing.T) {
			if got := changes.Weigh(test.o, test.k); got != test.want {
				t.Errorf("it is %d, want %d", got, test.want)
			}
			if test.want == changes.Folds && test.o.Actor.Username != "" { // whoever acts as another is no controller
				posing := *test.o
				posing.Actor.Impersonator = "alice"
				if got := changes.Weigh(&posing, test.k); got == changes.Folds {
					t.Error("what a person did under that name is folded")
				}
			}
		})
	}
}

// TestTemplatesOfPods holds a Pod against its owner after what the cluster adds to it.
func TestTemplatesOfPods(t *testing.T) {
	of := func(kind, meta, container, volumes string) string {
		pod := `{"restartPolicy":"Always","containers":[` + container + `],"volumes":[` + volumes + `]}`
		if kind != "Pod" {
			return changes.Template(object(t, `{"kind":"`+kind+`","spec":{"template":{"spec":`+pod+`}}}`))
		}
		return changes.Template(object(t, `{"kind":"Pod","metadata":{`+meta+`},"spec":`+pod+`}`))
	}
	plain, index := `{"name":"app","image":"a:1"}`, `{"name":"app","image":"a:1","env":[{"name":"JOB_COMPLETION_INDEX","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['x']"}}}]}`
	if of("Job", "", plain, "") != of("Pod", `"name":"j-0"`, index, "") {
		t.Error("a Pod of an indexed Job has another template")
	}
	if of("Job", "", plain, "") == of("Pod", `"name":"j-0"`, `{"name":"app","image":"a:1","env":[{"name":"JOB_COMPLETION_INDEX","value":"$(evil)"}]}`, "") {
		t.Error("any value of the variable is taken")
	}
	if of("StatefulSet", "", plain, "") != of("Pod", `"name":"db-0"`, plain, `{"name":"data","persistentVolumeClaim":{"claimName":"data-db-0"}}`) {
		t.Error("a Pod of a StatefulSet has another template")
	}
	if of("StatefulSet", "", plain, "") == of("Pod", `"name":"db-0"`, plain, `{"name":"data","persistentVolumeClaim":{"claimName":"other"}}`) {
		t.Error("any claim is taken")
	}
}

// TestLedger has several places tell of one write, in any order.
func TestLedger(t *testing.T) {
	owner := &changes.Owner{UID: "rs", Templates: []string{changes.Template(set(t, "1"))}}
	made := podOf(t, "a:1", "", `"resourceVersion":"7",`+setOwner)
	see := func(by, user, id string) *changes.Observation {
		o := seenBy(by, seaworthy.VerbCreate, user, "", nil, made)
		if by == seaworthy.SeenByWebhook {
			o.Outcome = seaworthy.OutcomeUnknown
		}
		if by == seaworthy.SeenByWatch {
			o.Actor.Manager = "kube-controller-manager"
		}
		o.ID = id
		return o
	}
	webhook, watch, audit := seaworthy.SeenByWebhook, seaworthy.SeenByWatch, seaworthy.SeenByAudit
	posed := see(audit, sets, "3")
	posed.Actor.Impersonator = "alice"
	for name, test := range map[string]struct {
		list    []*changes.Observation
		changes int // on record
		outcome seaworthy.Outcome
		folded  bool
	}{
		"a controller, told by all":                {[]*changes.Observation{see(webhook, sets, "1"), see(watch, "", "2"), see(audit, sets, "3")}, 0, "", false},
		"the watch first":                          {[]*changes.Observation{see(watch, "", "2"), see(webhook, sets, "1"), see(audit, sets, "3")}, 0, "", false},
		"told twice":                               {[]*changes.Observation{see(watch, "", "2"), see(watch, "", "2"), see(webhook, sets, "1"), see(webhook, sets, "1")}, 0, "", false},
		"a person; the watch confirms it":          {[]*changes.Observation{see(webhook, "alice", "1"), see(watch, "", "2")}, 1, seaworthy.OutcomePersisted, false},
		"a person whom the watch could not see":    {[]*changes.Observation{see(watch, "", "2"), see(webhook, "alice", "1")}, 1, seaworthy.OutcomePersisted, false},
		"a person who poses as a controller":       {[]*changes.Observation{see(webhook, sets, "1"), see(watch, "", "2"), posed}, 1, seaworthy.OutcomePersisted, false},
		"a person who poses, known from the start": {[]*changes.Observation{posed, see(webhook, sets, "1"), see(watch, "", "2")}, 1, seaworthy.OutcomePersisted, false},
	} {
		t.Run(name, func(t *testing.T) {
			var l changes.Ledger
			for _, o := range test.list {
				e := l.Enter("c1", o, changes.Known{Owner: owner})
				if e.Change >= 0 && changes.Settle(&l.Changes[e.Change], e.Verdict) {
					t.Errorf("%s by %q counts as the cluster's own", o.By, o.Actor.Username)
				}
			}
			if len(l.Changes) != test.changes {
				t.Fatalf("%d changes are on record, want %d: %+v", len(l.Changes), test.changes, l.Changes)
			}
			if test.changes == 0 && len(l.Folded) != 1 {
				t.Errorf("it is folded %d times", len(l.Folded))
			}
			if test.changes == 1 && (l.Changes[0].Outcome != test.outcome || len(l.Changes[0].Sightings) != len(test.list)) {
				t.Errorf("it is %s by %v", l.Changes[0].Outcome, l.Changes[0].Sightings)
			}
		})
	}
}

// TestWhoWasUnknown turns out to be a controller, by what an audit event tells late.
func TestWhoWasUnknown(t *testing.T) {
	claim := func(finalizers, version string) map[string]any {
		return object(t, `{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"shop","uid":"c","resourceVersion":"`+version+`","finalizers":`+finalizers+`},"spec":{}}`)
	}
	var l changes.Ledger
	first := l.Enter("c1", seenBy(seaworthy.SeenByWatch, seaworthy.VerbUpdate, "", "kube-controller-manager", claim(`["kubernetes.io/pvc-protection"]`, "6"), claim(`[]`, "7")), changes.Known{})
	if first.Joined != changes.IsNew || changes.Settle(&l.Changes[0], first.Verdict) {
		t.Fatalf("what nobody knows who did is not on record: %+v", first)
	}
	late := seenBy(seaworthy.SeenByAudit, seaworthy.VerbUpdate, "system:serviceaccount:kube-system:pvc-protection-controller", "", nil, claim(`[]`, "7"))
	e := l.Enter("c1", late, changes.Known{})
	if e.Joined != changes.IsMore || !changes.Settle(&l.Changes[0], e.Verdict) || l.Changes[0].Unexplained() {
		t.Errorf("it is not found to be the controller's: %+v %+v", e, l.Changes)
	}
}

// TestScaled has what was written through the part of an object told as one change.
func TestScaled(t *testing.T) {
	deployment := func(n, version string) map[string]any {
		return object(t, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"cart","namespace":"shop","uid":"d","resourceVersion":"`+version+`"},"spec":{"replicas":`+n+`}}`)
	}
	scale := func(n string) map[string]any {
		return object(t, `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"cart","namespace":"shop","uid":"d","resourceVersion":"6"},"spec":{"replicas":`+n+`}}`)
	}
	asked := &changes.Observation{Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, ID: "1", At: start}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomeUnknown, Before: scale("1"), After: scale("2")}
	asked.Object.Object, asked.Object.Subresource, asked.Actor.Username = seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment"}, "scale", "alice"
	asked.Describe()
	shown := seenBy(seaworthy.SeenByWatch, seaworthy.VerbUpdate, "", "kubectl", deployment("1", "6"), deployment("2", "7"))
	other := seenBy(seaworthy.SeenByWatch, seaworthy.VerbUpdate, "", "kubectl", deployment("2", "7"), deployment("3", "8"))
	other.ID = "8"
	for name, list := range map[string][]*changes.Observation{"asked first": {asked, shown, other}, "shown first": {shown, asked, other}} {
		t.Run(name, func(t *testing.T) {
			var l changes.Ledger
			for _, o := range list {
				l.Enter("c1", o, changes.Known{})
			}
			if len(l.Changes) != 2 || len(l.Changes[0].Sightings) != 2 || l.Changes[0].Actor.Username != "alice" || l.Changes[0].Outcome != seaworthy.OutcomePersisted {
				t.Errorf("on record: %+v", l.Changes)
			}
		})
	}
}

// TestExtra keeps what tells of people and never what lets in.
func TestExtra(t *testing.T) {
	got := changes.Extra(map[string][]string{
		"sessionName": {"alice@example.com"}, "ARN": {"arn:aws:sts::1:assumed-role/ops/alice"}, "accessKeyId": {"AKIA"},
		"iam.gke.io/user-assertion": {"secret"}, "user-assertion.cloud.google.com": {"secret"}, "oid": {""},
	})
	if len(got) != 2 || got["sessionName"][0] != "alice@example.com" || got["arn"][0] != "arn:aws:sts::1:assumed-role/ops/alice" {
		t.Errorf("kept: %v", got)
	}
}

// TestNothingTellsThemApart joins what two places tell of a request only where it was about
// the same time, when they tell nothing else that would show which of several it was.
func TestNothingTellsThemApart(t *testing.T) {
	see := func(by string, after time.Duration, id string) *changes.Observation {
		o := &changes.Observation{Sighting: seaworthy.Sighting{By: by, ID: id, At: start.Add(after)}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomePersisted}
		o.Object.Object, o.Actor.Username = seaworthy.Object{APIVersion: "v1", Kind: "Secret", Namespace: "shop", Name: "db"}, "alice"
		return o
	}
	var l changes.Ledger
	for _, o := range []*changes.Observation{
		see(seaworthy.SeenByAudit, 0, "1"), see(seaworthy.SeenByWebhook, 28*time.Second, "2"), see(seaworthy.SeenByAudit, 28*time.Second, "3"),
	} {
		l.Enter("c1", o, changes.Known{})
	}
	if len(l.Changes) != 2 || len(l.Changes[0].Sightings) != 1 || len(l.Changes[1].Sightings) != 2 {
		t.Errorf("on record: %+v", l.Changes)
	}
}

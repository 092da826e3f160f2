// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const defaultAccount = "default"

// account gives the service account that a workload runs as.
func account(w *snapshot.Workload) string { return cmp.Or(w.ServiceAccount, defaultAccount) }

// serviceAccount finds the account of a workload, or nil. In files a ServiceAccount
// without a namespace lands where the manifest beside it lands.
func serviceAccount(s *snapshot.Snapshot, w *snapshot.Workload, name string) *corev1.ServiceAccount {
	o := s.Lookup("", "ServiceAccount", w.EffectiveNamespace(), name)
	if o == nil && !s.Cluster() {
		if beside := s.Lookup("", "ServiceAccount", "default", name); beside != nil &&
			beside.Namespace == "" && beside.Source.File == w.Source.File {
			o = beside
		}
	}
	if o == nil {
		return nil
	}
	sa, _ := o.View().(*corev1.ServiceAccount)
	return sa
}

// mounts tells whether the token of its service account is in the pod: the pod's field
// decides, then the account's, and by default it is.
func mounts(pod *corev1.PodSpec, sa *corev1.ServiceAccount) bool {
	switch {
	case projectsToken(pod):
		return true
	case pod.AutomountServiceAccountToken != nil:
		return *pod.AutomountServiceAccountToken
	case sa != nil && sa.AutomountServiceAccountToken != nil:
		return *sa.AutomountServiceAccountToken
	}
	return true
}

// projectsToken tells whether a volume holds a token for the API server itself.
func projectsToken(pod *corev1.PodSpec) bool {
	for _, v := range pod.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, src := range v.Projected.Sources {
			if src.ServiceAccountToken != nil && src.ServiceAccountToken.Audience == "" {
				return true
			}
		}
	}
	return false
}

// defaultTokens judges the service accounts called default, and the workloads that run
// as one and mount its token by their own field or where the account is not at hand.
// Where the account decides, the finding is on the account alone.
func defaultTokens(p *analysis.Pass) {
	const check = "default-service-account-token"
	for o, sa := range snapshot.All[*corev1.ServiceAccount](p.Snapshot, "ServiceAccount") {
		if o.Name != defaultAccount {
			continue
		}
		if sa.AutomountServiceAccountToken != nil && !*sa.AutomountServiceAccountToken {
			p.Report.Judge(check, o)
			continue
		}
		p.Report.Judge(check, o, seaworthy.Item{
			Key: "automountServiceAccountToken", Path: "automountServiceAccountToken",
			Message: fmt.Sprintf("pods in namespace %s that name no service account get the token of the default one", o.EffectiveNamespace()),
		})
	}
	unlisted, skipped := p.Snapshot.Unlisted["ServiceAccount"], 0
	for _, w := range p.Snapshot.Workloads() {
		if account(w) != defaultAccount {
			continue
		}
		pod := w.Pod()
		own := pod.AutomountServiceAccountToken
		sa := serviceAccount(p.Snapshot, w, defaultAccount)
		item := seaworthy.Item{
			Key: w.PodPath + ".automountServiceAccountToken", Path: w.PodPath + ".automountServiceAccountToken",
		}
		switch {
		case own != nil && *own:
			item.Message = "the pod mounts the token of the default service account, as its own field says"
			p.Report.Judge(check, w.Object, item)
		case own != nil:
			p.Report.Judge(check, w.Object)
		case sa != nil: // the account is judged
			if !mounts(pod, sa) {
				p.Report.Judge(check, w.Object)
			}
		case unlisted != "":
			skipped++
		default:
			item.Message = "the pod mounts the token of the default service account, which nothing switches off"
			p.Report.Judge(check, w.Object, item)
		}
	}
	if skipped > 0 {
		p.Report.NotEvaluated(check, fmt.Sprintf("%d workloads run as a default service account that could not be listed (%s)", skipped, unlisted))
	}
}

// administrative are the powers that make an administrator, cluster-wide or of a
// namespace: doing everything, or making oneself or becoming someone who can.
var administrative = []power{
	{does: "do anything", wants: []want{{groups: []string{"", "*"}, resources: []string{"*"}, verbs: []string{"*"}}}},
	{does: "grant rights that it does not hold", wants: []want{
		{groups: []string{"rbac.authorization.k8s.io"}, resources: []string{"clusterroles"}, verbs: []string{"escalate"}, cluster: true, named: true},
		{groups: []string{"rbac.authorization.k8s.io"}, resources: []string{"clusterroles"}, verbs: []string{"bind"}},
	}},
	{does: "act as anyone", wants: []want{{groups: []string{""}, resources: []string{"users", "groups"}, verbs: []string{"impersonate"}, cluster: true}}},
}

// adminWorkloads reports workloads that carry the token of an administrative service
// account. Whoever is bound is judged, add-ons included. Where a role that is bound to
// the account is not at hand and nothing else makes it one, the workload is not judged.
func adminWorkloads(p *analysis.Pass, reach *Reach) {
	const check = "workload-admin-role"
	roles, accounts := map[roleScope]*adminRole{}, map[Subject]*adminAccount{}
	var unknown []string
	for _, w := range p.Snapshot.Workloads() {
		name := account(w)
		who := ServiceAccount(w.EffectiveNamespace(), name)
		a, ok := accounts[who]
		if !ok {
			a = reach.adminAccount(who, roles, dangling(p.Snapshot))
			accounts[who] = a
		}
		if len(a.grants)+len(a.unknown) == 0 || !mounts(w.Pod(), serviceAccount(p.Snapshot, w, name)) {
			p.Report.Judge(check, w.Object)
			continue
		}
		if !a.carried {
			a.carried = true
			unknown = append(unknown, a.unknown...)
		}
		var found []seaworthy.Item
		for _, g := range a.grants {
			found = append(found, g.item(w, who))
		}
		if len(found) > 0 || len(a.unknown) == 0 {
			p.Report.Judge(check, w.Object, found...)
		}
	}
	if len(p.Snapshot.Workloads()) > 0 {
		unevaluated(p, check, unknown)
	}
}

// adminAccount is what makes a service account an administrator.
type adminAccount struct {
	grants  []adminGrant
	unknown []string // roles bound to it that are not at hand
	carried bool     // some workload carries its token
}

type adminRole struct {
	power *power
	held  *held
}

type adminGrant struct {
	subject Subject
	binding *Binding
	role    *adminRole
}

// adminAccount lists the bindings that make the account an administrator, each with the
// first power that does. none says that a role that is not at hand does not exist.
func (r *Reach) adminAccount(who Subject, roles map[roleScope]*adminRole, none bool) *adminAccount {
	out := &adminAccount{}
	for _, s := range append([]Subject{who}, who.Groups()...) {
		for _, b := range r.of[s] {
			if b.Role == nil && !none {
				out.unknown = append(out.unknown, b.RoleRef.Kind+" "+b.RoleRef.Name)
			}
			if b.Role == nil || shipped(b, s) {
				continue
			}
			key := roleScope{b.Role, b.Namespace != ""}
			role, ok := roles[key]
			if !ok {
				role = judgeAdmin(b.Role, key.namespaced)
				roles[key] = role
			}
			if role != nil {
				out.grants = append(out.grants, adminGrant{s, b, role})
			}
		}
	}
	return out
}

func judgeAdmin(r *Role, namespaced bool) *adminRole {
	for i := range administrative {
		if h := administrative[i].holds(r, namespaced); h != nil {
			return &adminRole{&administrative[i], h}
		}
	}
	return nil
}

func (g adminGrant) item(w *snapshot.Workload, who Subject) seaworthy.Item {
	where, as := "cluster-wide", ""
	if g.binding.Namespace != "" {
		where = "in namespace " + g.binding.Namespace
	}
	if g.subject != who {
		as = ", as a member of " + g.subject.Name
	}
	return seaworthy.Item{
		Key:  w.PodPath + ".serviceAccountName[" + g.binding.Object.String() + "]",
		Path: w.PodPath + ".serviceAccountName",
		Message: fmt.Sprintf("%s can %s %s through %s, bound by %s%s",
			who, g.role.power.does, where, g.binding.Role, g.binding.Object, as),
	}
}

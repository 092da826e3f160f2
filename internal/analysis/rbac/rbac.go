// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Analyzer reports bindings that hand out dangerous rights, one item for each subject,
// and workloads and service accounts that hold what they need not.
//
// The checks of scope single+cross are described by their policies, which judge the
// role alone; here the bindings are judged. A role that grants something to nobody is
// a finding of the policy only.
//
// A binding to a role that is not at hand is not judged: where files are scanned, the
// check says so and is not evaluated. In a cluster whose roles were all listed such a
// binding grants nothing.
//
// What kube-apiserver binds by itself is not reported, as long as it is bound to whom
// Kubernetes binds it: see shipped. Exemptions for add-ons are the engine's.
var Analyzer = &analysis.Analyzer{
	Name: "rbac",
	Doc:  "Rights that Kubernetes' role-based access control hands out to users, groups and service accounts.",
	Checks: append([]seaworthy.Check{
		half("rbac-cluster-admin-binding"), half("rbac-webhook-config"), half("rbac-escalate"), half("rbac-impersonate"),
		half("rbac-secrets-read"), half("rbac-node-proxy"), half("rbac-pod-exec"), half("rbac-csr-approval"),
		half("rbac-create-workloads"),
	}, whole...),
	Run: run,
}

// half names a check whose description is in its policy under checks/.
func half(id string) seaworthy.Check {
	return seaworthy.Check{ID: id, Scope: seaworthy.ScopeSingleCross}
}

// kinds are what a verdict on bindings rests on.
var kinds = []string{"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}

func run(ctx context.Context, p *analysis.Pass) error {
	reach := NewReach(p.Snapshot)
	for i := range powers {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.Enabled(powers[i].check) {
			bindings(p, reach, &powers[i])
		}
	}
	if p.Enabled("workload-admin-role") {
		adminWorkloads(p, reach)
	}
	if p.Enabled("default-service-account-token") {
		defaultTokens(p)
	}
	return nil
}

type roleScope struct {
	role       *Role
	namespaced bool
}

// bindings judges every binding by one power.
func bindings(p *analysis.Pass, reach *Reach, power *power) {
	known := map[roleScope]*held{}
	var unknown []string
	for _, b := range reach.Bindings() {
		if b.Role == nil && !dangling(p.Snapshot) {
			unknown = append(unknown, b.RoleRef.Kind+" "+b.RoleRef.Name)
			continue
		}
		var h *held
		if b.Role != nil {
			key, ok := roleScope{b.Role, b.Namespace != ""}, false
			if h, ok = known[key]; !ok {
				h = power.holds(b.Role, key.namespaced)
				known[key] = h
			}
		}
		if power.all && b.RoleRef.Name == "cluster-admin" {
			continue // by its name, the policy reports it
		}
		var found []seaworthy.Item
		if h != nil {
			found = items(b, power, h)
		}
		// The policy counts the bindings that pass.
		if len(found) > 0 || !power.all {
			p.Report.Judge(power.check, b.Object, found...)
		}
	}
	unevaluated(p, power.check, unknown)
}

// dangling tells whether a role that is not in the snapshot does not exist: only in a
// cluster whose roles were all listed.
func dangling(s *snapshot.Snapshot) bool {
	return s.Cluster() && s.Unlisted["Role"] == "" && s.Unlisted["ClusterRole"] == "" && len(s.Source.Namespaces) == 0
}

func unevaluated(p *analysis.Pass, check string, unknown []string) {
	var reasons []string
	for _, kind := range kinds {
		if why := p.Snapshot.Unlisted[kind]; why != "" {
			reasons = append(reasons, fmt.Sprintf("objects of kind %s could not be listed (%s)", kind, why))
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		names := slices.Compact(slices.Clone(unknown))
		more := ""
		if len(names) > 3 {
			names, more = names[:3], fmt.Sprintf(" and %d more", len(names)-3)
		}
		reasons = append(reasons, fmt.Sprintf("%d bindings refer to roles that are not at hand: %s%s",
			len(unknown), strings.Join(names, ", "), more))
	}
	if len(reasons) > 0 {
		p.Report.NotEvaluated(check, strings.Join(reasons, "; "))
	}
}

// items makes an item of each subject of the binding that Kubernetes did not bind.
func items(b *Binding, power *power, h *held) []seaworthy.Item {
	where := "cluster-wide"
	if b.Namespace != "" {
		where = "in namespace " + b.Namespace
	}
	via := b.Role.String()
	if h.rule.From != "" {
		via += ", by way of " + h.rule.From
	}
	var out []seaworthy.Item
	seen := map[Subject]bool{}
	for i, s := range b.Subjects {
		if seen[s] || shipped(b, s) {
			continue
		}
		seen[s] = true
		out = append(out, seaworthy.Item{
			Key:     "subjects[" + s.String() + "]",
			Path:    fmt.Sprintf("subjects[%d]", i),
			Message: fmt.Sprintf("%s can %s %s through %s (%s)", s, power.does, where, via, h.what),
		})
	}
	return out
}

// shipped tells whether Kubernetes itself binds the role to this subject. The label
// alone proves nothing, since anyone can set it; a subject that was added to a
// bootstrap binding is judged like any other.
func shipped(b *Binding, s Subject) bool {
	name := b.Object.Name
	if name != b.RoleRef.Name && !strings.HasPrefix(name, "system::") {
		return false
	}
	if account, ok := strings.CutPrefix(name, "system:controller:"); ok {
		return s == ServiceAccount("kube-system", account)
	}
	return slices.Contains(bootstrap[name], s)
}

// bootstrap holds the subjects of the bindings that kube-apiserver creates, but for
// those of the controllers, which follow a pattern.
var bootstrap = map[string][]Subject{
	"cluster-admin":                           {{Kind: "Group", Name: Masters}},
	"system:basic-user":                       {{Kind: "Group", Name: Authenticated}},
	"system:discovery":                        {{Kind: "Group", Name: Authenticated}},
	"system:public-info-viewer":               {{Kind: "Group", Name: Authenticated}, {Kind: "Group", Name: Unauthenticated}},
	"system:service-account-issuer-discovery": {{Kind: "Group", Name: ServiceAccounts}},
	"system:monitoring":                       {{Kind: "Group", Name: "system:monitoring"}},
	"system:kube-controller-manager":          {{Kind: "User", Name: "system:kube-controller-manager"}},
	"system:kube-scheduler":                   {{Kind: "User", Name: "system:kube-scheduler"}},
	"system:volume-scheduler":                 {{Kind: "User", Name: "system:kube-scheduler"}},
	"system:node-proxier":                     {{Kind: "User", Name: "system:kube-proxy"}},
	"system:kube-dns":                         {ServiceAccount("kube-system", "kube-dns")},
	"system::extension-apiserver-authentication-reader": {
		{Kind: "User", Name: "system:kube-controller-manager"}, {Kind: "User", Name: "system:kube-scheduler"},
	},
	"system::leader-locking-kube-controller-manager": {
		{Kind: "User", Name: "system:kube-controller-manager"},
		ServiceAccount("kube-system", "kube-controller-manager"), ServiceAccount("kube-system", "leader-election-controller"),
	},
	"system::leader-locking-kube-scheduler": {
		{Kind: "User", Name: "system:kube-scheduler"}, ServiceAccount("kube-system", "kube-scheduler"),
	},
}

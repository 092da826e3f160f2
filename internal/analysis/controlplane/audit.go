// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const auditCheck = "audit-logging-disabled"

// auditing judges API servers, audit policies and OpenShift's own setting. Events are
// recorded only where there is both a policy that wants some and a backend that takes
// them.
func auditLogging(p *analysis.Pass, apiServers func() []process) {
	judged := 0
	for _, o := range p.Snapshot.Kind("Policy") {
		if o.Group() == "audit.k8s.io" {
			judged++
			p.Report.Judge(auditCheck, o, auditPolicy(o)...)
		}
	}
	for _, o := range p.Snapshot.Kind("APIServer") {
		if o.Group() == "config.openshift.io" {
			judged++
			p.Report.Judge(auditCheck, o, openShiftAudit(o)...)
		}
	}
	servers := apiServers()
	for i := range servers {
		judged++
		p.Report.Judge(auditCheck, servers[i].object, servers[i].items(records(&servers[i]))...)
	}
	if judged == 0 {
		absent(p, auditCheck, apiServer)
	}
}

// records wants an audit policy and a backend.
func records(p *process) verdict {
	v := isSet("audit-policy-file")(p)
	if p.flags["audit-log-path"].value == "" && p.flags["audit-webhook-config-file"].value == "" {
		v.problems = append(v.problems, problem{
			"audit-log-path", "neither --audit-log-path nor --audit-webhook-config-file is set, so that no event is recorded",
		})
	}
	return v
}

// auditPolicy wants a rule that records something.
func auditPolicy(o *snapshot.Object) []seaworthy.Item {
	rules, _ := o.Content()["rules"].([]any)
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		level, _ := rule["level"].(string)
		if level != "" && !strings.EqualFold(level, "None") {
			return nil
		}
		if len(rule) == 1 { // level None for everything: what follows is never reached
			break
		}
	}
	return []seaworthy.Item{{Key: "rules", Path: "rules", Message: "no rule of the audit policy records anything"}}
}

func openShiftAudit(o *snapshot.Object) []seaworthy.Item {
	spec, _ := o.Content()["spec"].(map[string]any)
	audit, _ := spec["audit"].(map[string]any)
	if audit["profile"] != "None" {
		return nil
	}
	return []seaworthy.Item{{Key: "spec.audit.profile", Path: "spec.audit.profile", Message: "the audit profile is None"}}
}

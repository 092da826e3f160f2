// SPDX-License-Identifier: Apache-2.0

package imported

import (
	"cmp"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// trivyReport is a report of Trivy Operator, of whatever kind.
type trivyReport struct {
	Metadata struct {
		Namespace         string            `json:"namespace"`
		CreationTimestamp time.Time         `json:"creationTimestamp"`
		Labels            map[string]string `json:"labels"`
		Annotations       map[string]string `json:"annotations"`
		OwnerReferences   []struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Name       string `json:"name"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
	Report struct {
		UpdateTimestamp time.Time `json:"updateTimestamp"`
		Registry        struct {
			Server string `json:"server"`
		} `json:"registry"`
		Artifact struct {
			Repository string `json:"repository"`
			Tag        string `json:"tag"`
			Digest     string `json:"digest"`
		} `json:"artifact"`
		Checks []struct {
			ID       string   `json:"checkID"`
			Title    string   `json:"title"`
			Severity string   `json:"severity"`
			Messages []string `json:"messages"`
			Success  bool     `json:"success"`
		} `json:"checks"`
		Secrets []struct {
			Target   string `json:"target"`
			RuleID   string `json:"ruleID"`
			Title    string `json:"title"`
			Severity string `json:"severity"`
		} `json:"secrets"`
		Vulnerabilities []vulnerability `json:"vulnerabilities"`
	} `json:"report"`
}

// at is when the report was made.
func (r *trivyReport) at() time.Time {
	if r.Report.UpdateTimestamp.IsZero() {
		return r.Metadata.CreationTimestamp
	}
	return r.Report.UpdateTimestamp
}

// subject is what the report is about: its owner, else what its labels name.
func (r *trivyReport) subject() subject {
	if len(r.Metadata.OwnerReferences) > 0 {
		o := r.Metadata.OwnerReferences[0]
		return subject{o.APIVersion, o.Kind, r.Metadata.Namespace, o.Name}
	}
	named := func(field string) string {
		name := "trivy-operator.resource." + field
		return cmp.Or(r.Metadata.Annotations[name], r.Metadata.Labels[name])
	}
	return subject{Kind: named("kind"), Namespace: named("namespace"), Name: named("name")}
}

// sighted is a report of Trivy with what it is about.
type sighted struct {
	*trivyReport
	report, object *snapshot.Object
	made           int64 // when what Trivy looked at was made: the newest ReplicaSet counts
}

// trivy reads reports. Several about one object, as of each ReplicaSet of a Deployment,
// leave those of the newest.
func (b *book) trivy(kinds ...kind) []sighted {
	var out []sighted
	newest := map[*snapshot.Object]int64{}
	for _, o := range b.reports(kinds...) {
		r, err := snapshot.As[trivyReport](o)
		if err != nil {
			for _, k := range kinds {
				for _, check := range k.checks {
					if k.kind == o.Kind {
						b.Report.Error(check, o, err)
					}
				}
			}
			continue
		}
		s := r.subject()
		if s.Kind == "" {
			continue
		}
		about := b.resolve(s, o)
		if about == nil {
			continue
		}
		one := sighted{r, o, about, 0}
		if direct := b.find(s); direct != nil && direct != about {
			one.made = direct.Changed
		}
		newest[about] = max(newest[about], one.made)
		out = append(out, one)
	}
	current := out[:0]
	for _, one := range out {
		if one.made == newest[one.object] {
			current = append(current, one)
		}
	}
	return current
}

func trivyConfiguration(b *book) {
	config, roles := []string{configCheck}, []string{rbacCheck}
	group := snapshot.TrivyGroup
	for _, r := range b.trivy(
		kind{group, "ConfigAuditReport", config}, kind{group, "ClusterConfigAuditReport", config},
		kind{group, "InfraAssessmentReport", config}, kind{group, "ClusterInfraAssessmentReport", config},
		kind{group, "RbacAssessmentReport", roles}, kind{group, "ClusterRbacAssessmentReport", roles},
	) {
		check := configCheck
		if r.report.Kind == "RbacAssessmentReport" || r.report.Kind == "ClusterRbacAssessmentReport" {
			check = rbacCheck
		}
		failed := false
		for _, c := range r.Report.Checks {
			if c.Success {
				continue
			}
			failed = true
			message := c.Title
			if len(c.Messages) > 0 {
				message = cmp.Or(c.Messages[0], message)
			}
			b.fail(check, r.object, seaworthy.Item{Key: c.ID, Severity: severity(c.Severity), Message: "Trivy " + c.ID + ": " + sentence(message)})
		}
		if failed {
			continue
		}
		if stale := b.stale(check, r.object, r.at()); stale != "" {
			b.lack(check, r.object, "%s", stale)
			continue
		}
		b.pass(check, r.object)
	}
}

func trivySecrets(b *book) {
	list := b.trivy(kind{snapshot.TrivyGroup, "ExposedSecretReport", []string{secretCheck}})
	if len(list) == 0 {
		return
	}
	b.images(secretCheck, list, func(r sighted, c container) {
		for _, s := range r.Report.Secrets {
			b.fail(secretCheck, c.of, seaworthy.Item{
				Key: c.key + " " + s.RuleID + " " + s.Target, Path: c.path, Container: c.name, Severity: severity(s.Severity),
				Message: "image " + c.image + " holds a secret in " + s.Target + ": " + cmp.Or(sentence(s.Title), s.RuleID),
			})
		}
	})
}

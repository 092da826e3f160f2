// SPDX-License-Identifier: Apache-2.0

package imported

import (
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const constraintGroup = "constraints.gatekeeper.sh"

// constraint is what Gatekeeper's audit writes into a constraint.
type constraint struct {
	Status *struct {
		AuditTimestamp  time.Time `json:"auditTimestamp"`
		TotalViolations *int64    `json:"totalViolations"`
		Violations      []struct {
			Group             string `json:"group"`
			Version           string `json:"version"`
			Kind              string `json:"kind"`
			Namespace         string `json:"namespace"`
			Name              string `json:"name"`
			Message           string `json:"message"`
			EnforcementAction string `json:"enforcementAction"`
		} `json:"violations"`
	} `json:"status"`
}

// gatekeeper reads the status of constraints. The audit names what fails and not what it
// looked at, so what passes is the constraint of which nothing fails.
func gatekeeper(b *book) {
	for _, o := range b.Snapshot.Objects() {
		if o.Group() != constraintGroup {
			continue
		}
		c, err := snapshot.As[constraint](o)
		if err != nil {
			b.Report.Error(gatekeeperCheck, o, err)
			continue
		}
		b.constraint(o, c)
	}
}

func (b *book) constraint(o *snapshot.Object, c *constraint) {
	if c.Status == nil || c.Status.TotalViolations == nil {
		if b.Snapshot.Cluster() { // a manifest has no status
			b.lack(gatekeeperCheck, o, "Gatekeeper's audit has not written what it found")
		}
		return
	}
	for _, v := range c.Status.Violations {
		version := v.Version
		if v.Group != "" {
			version = v.Group + "/" + version
		}
		about := b.resolve(subject{version, v.Kind, v.Namespace, v.Name}, o)
		if about == nil {
			continue
		}
		item := seaworthy.Item{
			Key:     fmt.Sprintf("%s/%s %s", o.Kind, o.Name, sentence(v.Message)),
			Message: fmt.Sprintf("constraint %s %s: %s", o.Kind, o.Name, sentence(v.Message)),
		}
		if v.EnforcementAction == "warn" || v.EnforcementAction == "dryrun" {
			item.Severity = seaworthy.Low
		}
		b.fail(gatekeeperCheck, about, item)
	}
	if total := *c.Status.TotalViolations; total > int64(len(c.Status.Violations)) {
		b.Report.NotEvaluated(gatekeeperCheck, fmt.Sprintf(
			"Gatekeeper lists %d of %d objects that fail %s %s; --constraint-violations-limit says how many", len(c.Status.Violations), total, o.Kind, o.Name))
		return
	}
	if len(c.Status.Violations) > 0 {
		return
	}
	if stale := b.stale(gatekeeperCheck, o, c.Status.AuditTimestamp); stale != "" {
		b.lack(gatekeeperCheck, o, "%s", stale)
		return
	}
	b.pass(gatekeeperCheck, o)
}

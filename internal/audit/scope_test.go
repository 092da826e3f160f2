// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Whatever a control's scope names is obeyed: of what is narrowed away, neither findings
// nor silence count.
func TestScopesOfControlsAreObeyed(t *testing.T) {
	space := func(source, name string, in bool) seaworthy.ScopeItem {
		return seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: source, Name: name, In: in, Reason: "because"}
	}
	cluster := func(source string, in bool) seaworthy.ScopeItem {
		return seaworthy.ScopeItem{Kind: seaworthy.KindCluster, Source: source, In: in, Reason: "because"}
	}
	for name, tt := range map[string]struct {
		scope   []seaworthy.ScopeItem
		counted bool // the overdue finding in prod-us/shop
		silent  bool // that prod-eu does not report
	}{
		"nothing narrows it":                       {nil, true, true},
		"the cluster is in":                        {[]seaworthy.ScopeItem{cluster("prod-us", true)}, true, false},
		"the cluster is out":                       {[]seaworthy.ScopeItem{cluster("prod-us", false)}, false, true},
		"the namespace is in":                      {[]seaworthy.ScopeItem{space("prod-us", "shop", true)}, true, false},
		"another namespace of the cluster is in":   {[]seaworthy.ScopeItem{space("prod-us", "pay", true)}, false, false},
		"a namespace of another cluster is in":     {[]seaworthy.ScopeItem{space("prod-eu", "shop", true)}, false, true},
		"the namespace is out":                     {[]seaworthy.ScopeItem{space("prod-us", "shop", false)}, false, true},
		"both clusters are in, of one a namespace": {[]seaworthy.ScopeItem{cluster("prod-eu", true), cluster("prod-us", true), space("prod-us", "pay", true)}, false, true},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			each(t, small(), func(c *company) {
				c.clusters()
				v, err := c.store.Control(c.t.Context(), "pod-security")
				c.must(err)
				v.Scope = tt.scope
				_, err = c.ChangeControl(c.t.Context(), manager, v)
				c.must(err)
				c.now = date("2026-01-02T12:00")
				c.report("prod-us")
				c.overdue("prod-us", "shop")
				c.at("2026-01-03T02:00")
				if o := c.dayOf("pod-security", "2026-01-02"); strings.Contains(o.Reason, "prod-eu") != tt.silent {
					c.t.Errorf("that prod-eu is silent counts: %v, want %v (%q)", !tt.silent, tt.silent, o.Reason)
				}
				c.now = date("2026-01-03T12:00")
				c.report("prod-us")
				c.report("prod-eu")
				c.at("2026-01-04T02:00")
				o := c.dayOf("pod-security", "2026-01-03")
				if counted := strings.Contains(o.Reason, "past "); counted != tt.counted {
					c.t.Errorf("the overdue finding counts: %v, want %v (%q)", counted, tt.counted, o.Reason)
				}
			})
		})
	}
}

// overdue makes a finding of a check of pod-security that is past its due date.
func (c *company) overdue(source, namespace string) {
	c.t.Helper()
	o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: namespace, Name: "app"}
	f := seaworthy.TrackedFinding{ID: store.FindingID(source, "fp"), SourceID: source, ObjectID: store.ObjectID(source, o), Fingerprint: "fp", Check: "no-privileged",
		Severity: seaworthy.High, Object: o, Message: "m", Status: seaworthy.FindingOpen, FirstSeenAt: c.now, OpenedAt: c.now, DueAt: c.now.Add(time.Hour)}
	c.must(c.store.Write(c.t.Context(), "system", func(tx *store.Tx) error {
		return tx.ChangeFindings([]store.FindingChange{{After: f, Kind: seaworthy.EventOpened, Cause: seaworthy.CauseObjectNew}})
	}))
}

func TestScopesThatWouldNotBeObeyedAreRefused(t *testing.T) {
	each(t, small(), func(c *company) {
		c.clusters()
		for _, tt := range []struct {
			control, says string
			scope         []seaworthy.ScopeItem
		}{
			{"pod-security", "belong to no system", []seaworthy.ScopeItem{{Kind: seaworthy.KindSystem, Name: "crm", In: true}}},
			{"pod-security", "there is none", []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: "prod-mars", In: true}}},
			{"pod-security", "it is a cluster", []seaworthy.ScopeItem{{Kind: seaworthy.KindRepository, Source: "prod-eu", In: true}}},
			{"pod-security", "there is none", []seaworthy.ScopeItem{{Kind: seaworthy.KindNamespace, Name: "shop", In: true}}},
			{"access-review", "twice", []seaworthy.ScopeItem{{Kind: seaworthy.KindSystem, Name: "crm", In: true}, {Kind: seaworthy.KindSystem, Name: "CRM", Reason: "r"}}},
		} {
			v, err := c.store.Control(c.t.Context(), tt.control)
			c.must(err)
			v.Scope = tt.scope
			if _, err = c.ChangeControl(c.t.Context(), manager, v); !isKind(err, seaworthy.KindInvalid) || !strings.Contains(err.Error(), tt.says) {
				c.t.Errorf("%v: %v, want invalid, with %q", tt.scope, err, tt.says)
			}
		}
	})
}

// Systems narrow what people show.
func TestEvidenceIsOfSystemsInScope(t *testing.T) {
	each(t, small(), func(c *company) {
		ctx := c.t.Context()
		v, err := c.store.Control(ctx, "access-review")
		c.must(err)
		v.Scope = []seaworthy.ScopeItem{{Kind: seaworthy.KindSystem, Name: "Payroll", In: true}, {Kind: seaworthy.KindSystem, Name: "wiki", Reason: "holds nothing"}}
		_, err = c.ChangeControl(ctx, manager, v)
		c.must(err)
		for system, says := range map[string]string{"payroll ": "", "Wiki": "holds nothing", "crm": "not to the system crm", "": "say of which system"} {
			e := seaworthy.Evidence{Kind: seaworthy.EvidenceAttestation, Title: "t", Statement: "s", Shows: seaworthy.Design, System: system, Controls: []string{"access-review"},
				EffectiveFrom: c.now.Add(-time.Hour), EffectiveTo: c.now}
			_, err := c.AddEvidence(ctx, manager, e, audit.Performance{})
			if says == "" && err != nil || says != "" && (!isKind(err, seaworthy.KindInvalid) || !strings.Contains(err.Error(), says)) {
				c.t.Errorf("evidence of the system %q: %v, want %q", system, err, says)
			}
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"path"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

const day = 24 * time.Hour

// place is a cluster or a repository of the example company.
type place struct {
	name        string
	kind        string // of source
	environment string
	team        string
	every       time.Duration
	// uid, provider, kubernetes and identity are what a live cluster would say of itself.
	uid, provider, kubernetes, identity string

	config string   // which configuration it is scanned by
	paths  []string // of the shop
	values string   // of the chart
	// without are namespaces that the cluster does not have; lag is by how many days it is
	// behind the first one.
	without []string
	lag     int
	// scans are the times of day of its reports; on says on which days, nil: every day.
	at time.Duration
	on func(ago int) bool
	// from is how many days before the end the place was declared; 0: at the start.
	from int
}

// The sources of the example company.
const (
	europe  = "production-eu"
	america = "production-us"
	staging = "staging"
	deploys = "git.harbourlane.example/platform/clusters"
	pays    = "git.harbourlane.example/payments/deploy"
	chart   = "git.harbourlane.example/shop/storefront"
)

// The American cluster opens in the middle of the half year. It is taken into the program
// once it reports every day.
const (
	americaOpens   = 100
	americaCounts  = 84
	americaSilent  = 91 // for three days
	incompleteAgo  = 58
	incompleteKind = "NetworkPolicy"
)

func weekly(ago int) bool { return ago%7 == 0 }

// places are all clusters and repositories.
func places() []place {
	production := []string{"clusters/production", "apps/payments/overlays/production", "charts/storefront"}
	return []place{
		{
			name: europe, kind: seaworthy.KindCluster, environment: seaworthy.Production, team: teamPlatform, every: day,
			uid: "5e0f6d1c-6f0b-4a52-9d0e-7a1c0ffee001", provider: "EKS", kubernetes: "v1.36.1-eks-3a1f2c7",
			identity: "system:serviceaccount:seaworthy:agent", config: "seaworthy.yaml", paths: production,
			values: "values-production.yaml", at: 2*time.Hour + 7*time.Minute,
		},
		{
			name: america, kind: seaworthy.KindCluster, environment: seaworthy.Production, team: teamPlatform, every: day,
			uid: "5e0f6d1c-6f0b-4a52-9d0e-7a1c0ffee002", provider: "EKS", kubernetes: "v1.36.1-eks-3a1f2c7",
			identity: "system:serviceaccount:seaworthy:agent", config: "seaworthy.yaml", paths: production,
			values: "values-production.yaml", without: []string{"warehouse", "marketing"}, lag: 2, at: 2*time.Hour + 21*time.Minute,
			from: americaOpens,
		},
		{
			name: staging, kind: seaworthy.KindCluster, environment: seaworthy.Staging, team: teamPlatform, every: 7 * day,
			uid: "5e0f6d1c-6f0b-4a52-9d0e-7a1c0ffee003", provider: "self-managed", kubernetes: "v1.36.3",
			identity: "system:serviceaccount:seaworthy:agent", config: "seaworthy-staging.yaml",
			paths:  []string{"clusters/staging", "apps/payments/overlays/staging", "charts/storefront"},
			values: "values-staging.yaml", at: 3 * time.Hour, on: weekly,
		},
		{
			name: deploys, kind: seaworthy.KindRepository, environment: seaworthy.Production, team: teamPlatform, every: 7 * day,
			config: "seaworthy.yaml", paths: []string{"clusters/production"}, values: "values-production.yaml", at: 9 * time.Hour, on: weekly,
		},
		{
			name: pays, kind: seaworthy.KindRepository, environment: seaworthy.Production, team: teamPayments, every: 7 * day,
			config: "seaworthy.yaml", paths: []string{"apps/payments/overlays/production"}, values: "values-production.yaml",
			at: 9*time.Hour + 20*time.Minute, on: weekly,
		},
		{
			name: chart, kind: seaworthy.KindRepository, environment: seaworthy.Production, team: teamStorefront, every: 7 * day,
			config: "seaworthy.yaml", paths: []string{"charts/storefront"}, values: "values-production.yaml",
			at: 9*time.Hour + 40*time.Minute, on: weekly,
		},
	}
}

// scans tells whether the place is scanned on a day.
func (p *place) scans(ago int) bool {
	return (p.from == 0 || ago < p.from) && (p.on == nil || p.on(ago))
}

// has tells whether a namespace is there.
func (p *place) has(namespace string) bool { return !slices.Contains(p.without, namespace) }

func (p *place) valuesFile() string { return path.Join("charts/storefront", p.values) }

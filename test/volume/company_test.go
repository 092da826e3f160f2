// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"fmt"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

const day = 24 * time.Hour

// The shape of the company. Namespaces have the same names in several clusters, some are
// much larger than others, and half of all findings are there from the first report on.
const (
	clusters   = 24 // of which two of three are production
	sources    = 48 // the others are repositories
	days       = 182
	spaces     = 60 // namespaces of a cluster
	spaceNames = 400
	teams      = 40
	people     = 60
	perObject  = 8 // findings
)

// began is when the company began to look.
var began = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// company says how much of everything there is, and makes it: the same numbers make the
// same company, but for ids that hold chance.
type company struct {
	open   int // findings
	events int
	checks []seaworthy.Check
	lives  [sources][]life
	first  [sources]int   // number of the first finding of each source
	runs   [sources][]run // by number
}

// mix is a number made of others, as if by chance.
func mix(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 + b*0xbf58476d1ce4e5b9 + 0x94d049bb133111eb
	x ^= x >> 31
	x *= 0x94d049bb133111eb
	x ^= x >> 29
	x *= 0xbf58476d1ce4e5b9
	return x ^ x>>32
}

func sourceID(s int) string { return fmt.Sprintf("source-%02d", s) }

func teamID(n int) string { return fmt.Sprintf("team-%02d", n) }

func isCluster(s int) bool { return s < clusters }

// source declares a cluster or a repository.
func source(s int) seaworthy.DeclaredSource {
	v := seaworthy.DeclaredSource{ID: sourceID(s), Kind: seaworthy.KindCluster, Environment: seaworthy.Production, Declared: true, Every: day, CreatedAt: began, Team: teamID(s % teams)}
	region := []string{"eu-central", "eu-west", "us-east", "us-west", "ap-south", "ap-east", "sa-east", "af-south"}[s%8]
	switch {
	case !isCluster(s):
		v.Kind, v.Name, v.Every = seaworthy.KindRepository, fmt.Sprintf("harbour/%s-%02d", words[s%len(words)], s), 7*day
	case s%3 == 2:
		v.Environment, v.Name = []string{seaworthy.Staging, seaworthy.Development}[s/3%2], fmt.Sprintf("test-%s-%d", region, s)
	default:
		v.Name = fmt.Sprintf("prod-%s-%d", region, s)
	}
	return v
}

var words = strings.Fields("checkout ledger payments orders storefront search catalog identity billing invoices shipping returns loyalty pricing tax fraud risk reports mail push media images video maps geo weather ads auctions bids feeds")

// space is a namespace by its number.
func space(n int) string {
	return words[n%len(words)] + "-" + []string{"api", "web", "worker", "batch", "data", "cache", "jobs", "edge", "core", "lab", "ops", "etl", "ml", "gw"}[n/len(words)%14]
}

// object is what findings are about. Some namespaces are much larger than others.
func (c *company) object(s, n int) (o seaworthy.Object, namespace int) {
	h := mix(uint64(s), uint64(n))
	k := int(h%spaces) * int(h>>16%spaces) / spaces
	namespace = (k*7 + s/3*40) % spaceNames
	kinds := [...]string{"Deployment", "Deployment", "Deployment", "StatefulSet", "CronJob", "Service", "ServiceAccount", "ConfigMap", "Ingress", "Role", "NetworkPolicy", "DaemonSet"}
	o = seaworthy.Object{Kind: kinds[h>>32%uint64(len(kinds))], Namespace: space(namespace), Name: fmt.Sprintf("%s-%s-%d", words[h>>40%uint64(len(words))], words[h>>48%uint64(len(words))], n)}
	if n%400 == 7 {
		o.Kind, o.Namespace, namespace = "ClusterRole", "", spaceNames
	}
	o.APIVersion = map[string]string{"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "CronJob": "batch/v1", "Ingress": "networking.k8s.io/v1",
		"Role": "rbac.authorization.k8s.io/v1", "ClusterRole": "rbac.authorization.k8s.io/v1", "NetworkPolicy": "networking.k8s.io/v1"}[o.Kind]
	if o.APIVersion == "" {
		o.APIVersion = "v1"
	}
	return o, namespace
}

// tracked is an object as an index of pages has it.
func (c *company) tracked(s, n int) store.TrackedObject {
	o, namespace := c.object(s, n)
	v := store.TrackedObject{
		ID: store.ObjectID(sourceID(s), o), SourceID: sourceID(s), Object: o, Team: c.team(s, namespace), FirstSeenAt: c.runs[s][0].at,
		Workload: o.APIVersion == "apps/v1" || o.APIVersion == "batch/v1",
		Labels:   map[string]string{"app.kubernetes.io/name": o.Name, "app.kubernetes.io/part-of": words[n%len(words)], "team": c.team(s, namespace)},
	}
	if !isCluster(s) {
		v.File = fmt.Sprintf("deploy/%s/%s.yaml", o.Namespace, o.Name)
	}
	v.Excerpt = "apiVersion: " + o.APIVersion + "\nkind: " + o.Kind + "\nmetadata:\n  name: " + o.Name + "\n  namespace: " + o.Namespace + "\nspec:\n" +
		strings.Repeat("  template:\n    spec:\n      containers:\n      - name: app\n        image: registry.harbour.example/app:1.2.3\n", 4)
	return v
}

func (c *company) team(s, namespace int) string {
	if namespace == spaceNames {
		return ""
	}
	return teamID((namespace + s/12) % teams)
}

// finding is finding number n of a source, with nothing of its life.
func (c *company) finding(s, n int) (f seaworthy.TrackedFinding, namespace, check int) {
	o, namespace := c.object(s, n/perObject)
	h := mix(uint64(s)<<32|uint64(n/perObject), 77)
	check = int((h + uint64(n%perObject)*41) % uint64(len(c.checks)))
	if check%3 == 1 && h>>20%4 > 0 { // some checks fail much more often than others
		check /= 6
	}
	if c.lives[s][n].end == waived {
		check &^= 1 // half of the checks have waivers
	}
	k := c.checks[check]
	id := sourceID(s)
	container := fmt.Sprintf("app-%d", n%perObject)
	fingerprint := seaworthy.Fingerprint(id, k.ID, o, "spec.containers["+container+"]")
	f = seaworthy.TrackedFinding{
		ID: store.FindingID(id, fingerprint), SourceID: id, ObjectID: store.ObjectID(id, o), Fingerprint: fingerprint, Check: k.ID, Severity: k.Severity,
		Category: k.Category, Object: o, Container: container, Path: fmt.Sprintf("spec.template.spec.containers[%d].securityContext", n%perObject),
		Team: c.team(s, namespace),
	}
	if !isCluster(s) {
		f.File, f.Line = fmt.Sprintf("deploy/%s/%s.yaml", o.Namespace, o.Name), 12+n%80
	}
	return f, namespace, check
}

func waiverID(s, check int) string { return fmt.Sprintf("waiver-%02d-%03d", s, check) }

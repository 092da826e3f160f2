// SPDX-License-Identifier: Apache-2.0

// Package admission judges what is about to be written to a cluster: the brain of a
// validating webhook.
//
// A [Guard] holds the checks, their parameters and modes and the approved waivers. It
// never changes: who learns of something new makes another and hands it to the [Door],
// which answers the API server. While a request waits nothing is asked of the product's
// server or a database, and of the API server only what a watch has not shown yet.
//
// On update only what the change makes worse counts, item by item, so that whatever was
// bad before does not stand in the way of something else. Objects that a controller makes
// are judged through their owner, as in a scan, if it is that controller that made them.
// What cannot be judged is never a pass: it is an error, and the failure policy says what
// comes of it. The namespace kube-system, the product's own and the API server itself are
// never refused anything.
package admission

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Config says what to judge by and what comes of it.
type Config struct {
	// Catalogue holds the checks with their parameters and the user's own policies. What
	// it switches off is off whatever the modes say.
	Catalogue *scan.Catalogue
	// Target is the version of the cluster, "1.36"; Frameworks are for the requirements
	// of findings.
	Target     string
	Frameworks []seaworthy.Framework
	// Source is the cluster: its name is part of the fingerprints, so that a finding here
	// is the one of a scan. SourceID is what the server calls it, Environment what it is
	// used for.
	Source      seaworthy.Source
	SourceID    string
	Environment string

	// Default is the mode of checks of which none of Modes speaks; of several that do, the
	// first counts.
	Default Mode
	Modes   []ModeIn
	// Waivers are those of the server; only the approved ones count, until they end.
	Waivers []seaworthy.TrackedWaiver
	// WholeUpdates has updates refused for what was bad before, too.
	WholeUpdates bool
	// FailurePolicy says what comes of a check in mode deny that cannot be evaluated, and
	// of a webhook that cannot be reached.
	FailurePolicy admissionregistration.FailurePolicyType

	// Namespace is where the product itself runs: nothing is refused there.
	Namespace string
	// Controllers are names of users whose word on the owner of an object is taken,
	// beside Kubernetes' own controllers: operators that make pods of a template.
	Controllers []string
	// JudgeOwned judges what controllers make as well, and not only through its owner.
	JudgeOwned bool

	// LookupNamespace gives a Namespace by its name. Without it nothing but names is
	// known, and what looks at labels of namespaces cannot be evaluated.
	LookupNamespace func(ctx context.Context, name string) (map[string]any, error)
	// LookupParent gives the object of which a scale is set, in the version that the request
	// met; nil, or nil without an error: it is not known, and only the number of replicas is
	// judged.
	LookupParent func(ctx context.Context, resource, namespace, name, version string) (map[string]any, error)
	// Signatures verifies the images of what is written; nil: nobody asks for signatures.
	Signatures Signatures
	// Link gives the address of a check's page; nil: none is shown.
	Link func(check string) string
	// Key is what digests of the values of Secrets are keyed with; empty: one is drawn.
	Key []byte
	Now func() time.Time // nil: time.Now
}

// Guard judges requests. It is immutable and safe for concurrent use.
type Guard struct {
	cfg     Config
	config  *scan.Config
	idle    chan *scan.Alone // those that judge nothing at the moment
	dec     *snapshot.Decoder
	modes   [][]int        // by check: indices into cfg.Modes that speak of it here
	index   map[string]int // check id → index in modes
	waivers waivers
	replica map[string]bool // checks that judge a scale by itself
	skipped map[string]string
}

// New makes a guard of the configuration. An error says what is wrong with it.
func New(cfg Config) (*Guard, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.FailurePolicy = cmp.Or(cfg.FailurePolicy, admissionregistration.Ignore)
	cfg.Default = cmp.Or(cfg.Default, Audit)
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if len(cfg.Key) == 0 {
		cfg.Key = make([]byte, 32)
		rand.Read(cfg.Key)
	}
	cfg.Modes, cfg.Waivers = slices.Clone(cfg.Modes), slices.Clone(cfg.Waivers)
	g := &Guard{cfg: cfg, dec: snapshot.NewDecoder(), index: map[string]int{}, replica: map[string]bool{}, skipped: cfg.Catalogue.NotAlone()}
	if cfg.Catalogue.Runs(invalidSchema) {
		g.skipped[invalidSchema] = "the API server itself validates what it is given"
	}
	if err := g.prepareModes(); err != nil {
		return nil, err
	}
	g.waivers = newWaivers(cfg.Waivers, cfg.SourceID)
	for _, k := range cfg.Catalogue.Checks {
		g.replica[k.ID] = cfg.Catalogue.ByReplicas(k.ID)
	}
	g.config = &scan.Config{Catalogue: cfg.Catalogue, Target: cfg.Target, Frameworks: cfg.Frameworks, Now: cfg.Now}
	g.idle = make(chan *scan.Alone, 2*runtime.GOMAXPROCS(0))
	return g, nil
}

// borrow gives one that judges, for one goroutine at a time.
func (g *Guard) borrow() *scan.Alone {
	select {
	case a := <-g.idle:
		return a
	default:
		return scan.NewAlone(g.config, g.cfg.Source)
	}
}

func (g *Guard) giveBack(a *scan.Alone) {
	select {
	case g.idle <- a:
	default:
	}
}

// invalidSchema is the check of a manifest's fields and types.
const invalidSchema = "invalid-schema"

func (cfg *Config) validate() error {
	switch {
	case cfg.Catalogue == nil:
		return seaworthy.Invalid("admission: there is no catalogue of checks")
	case cfg.FailurePolicy != admissionregistration.Ignore && cfg.FailurePolicy != admissionregistration.Fail:
		return seaworthy.Invalid("admission: failurePolicy %q is neither Ignore nor Fail", cfg.FailurePolicy)
	case !slices.Contains(Modes, cfg.Default):
		return seaworthy.Invalid("admission: the default mode %q is not one of off, audit, warn, deny", cfg.Default)
	}
	var unread []string
	for _, p := range cfg.Catalogue.Problems {
		unread = append(unread, strings.TrimSpace(fmt.Sprintf("%s %s: %s", p.File, p.Check, p.Message)))
	}
	if len(unread) > 0 { // a policy that is not there refuses nothing
		return seaworthy.Invalid("admission: %d of the policies cannot be read: %s", len(unread), strings.Join(unread, "; "))
	}
	for _, w := range cfg.Waivers {
		if err := w.Validate(); err != nil {
			return fmt.Errorf("admission: %w", err)
		}
	}
	return nil
}

// NotEvaluated says which checks of the catalogue are not judged at admission, or not
// whole, and why.
func (g *Guard) NotEvaluated() map[string]string {
	out := make(map[string]string, len(g.skipped))
	for id, why := range g.skipped {
		out[id] = why
	}
	if g.verifies() {
		delete(out, signatureCheck)
	}
	return out
}

// Config gives what the guard was made of.
func (g *Guard) Config() Config { return g.cfg }

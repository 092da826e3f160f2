// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/output"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

func loadConfig(file string, args []string) (*config.Config, error) {
	if file != "" {
		return config.Load(file)
	}
	start := "."
	if len(args) > 0 && args[0] != "-" {
		start = args[0]
	}
	return config.Find(start)
}

// flagNamed names a setting that the command line gives.
func flagNamed(_, flag string) string { return "--" + flag }

// scanConfig turns settings into what a scan needs.
func scanConfig(ctx context.Context, cfg *config.Config) (*scan.Config, error) {
	failOn, err := config.ParseFailOn(cfg.FailOn)
	if err != nil {
		return nil, err
	}
	if err := knownProvider(cfg.Provider); err != nil {
		return nil, err
	}
	target := minor(cfg.KubernetesVersion)
	catalogue, err := scan.NewCatalogue(ctx, selection(cfg, target))
	if err != nil {
		return nil, err
	}
	sc := &scan.Config{
		Catalogue: catalogue, Tool: seaworthy.Tool{Name: "seaworthy", Version: Version()},
		Target: cmp.Or(target, newestKubernetes), Cover: cfg.Coverage, Categories: cfg.Categories,
		HonourAnnotations: cfg.HonourAnnotations, FailOn: failOn, SkipUnreadable: cfg.Inputs.SkipUnreadable,
	}
	if sc.Controls, sc.Frameworks, err = programme(cfg); err != nil {
		return nil, err
	}
	for _, file := range cfg.Waivers {
		w, err := config.LoadWaivers(file)
		if err != nil {
			return nil, err
		}
		sc.Waivers = append(sc.Waivers, w...)
	}
	if cfg.Baseline != "" {
		if sc.Baseline, err = baseline(cfg.Baseline); err != nil {
			return nil, err
		}
	}
	return sc, nil
}

// selection says which checks run and how.
func selection(cfg *config.Config, target string) scan.Selection {
	settings := map[string]scan.Setting{}
	for id, k := range cfg.Checks {
		settings[id] = scan.Setting{Off: k.Mode == "off", Severity: seaworthy.Severity(k.Severity), Parameters: k.Parameters}
	}
	scopes := make([]scan.Scope, len(cfg.Scopes))
	for i, s := range cfg.Scopes {
		scopes[i] = scan.Scope(s)
	}
	return scan.Selection{Settings: settings, Only: cfg.Only, Except: cfg.Except, Scopes: scopes, Policies: cfg.Policies, Target: target}
}

// knownProvider refuses a name that is taken for nobody's: the control plane would be
// judged as the user's own.
func knownProvider(name string) error {
	known := append(kube.Providers(), analysis.Providers()...)
	if name == "" || slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
		return nil
	}
	return seaworthy.Invalid("provider %q is not known%s", name, suggestion(strings.ToLower(name), analysis.Providers(), "; whoever runs the control plane alone says "+kube.SelfManaged))
}

// suggestion is what was likely meant, or otherwise.
func suggestion(name string, known []string, otherwise string) string {
	if near := seaworthy.Nearest(name, known); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return otherwise
}

// programme loads controls and frameworks, the built-in ones and the user's.
func programme(cfg *config.Config) ([]seaworthy.Control, []seaworthy.Framework, error) {
	cs, err := controls.List()
	if err != nil {
		return nil, nil, err
	}
	for _, dir := range cfg.Controls {
		if cs, _, err = controls.Load(dir, cs); err != nil {
			return nil, nil, err
		}
	}
	fs, err := frameworks.List()
	if err != nil {
		return nil, nil, err
	}
	for _, dir := range cfg.Frameworks {
		if fs, _, err = frameworks.Load(dir, fs, cs); err != nil {
			return nil, nil, err
		}
	}
	return cs, fs, covered(cfg, fs)
}

// covered holds what coverage names to the frameworks.
func covered(cfg *config.Config, all []seaworthy.Framework) error {
	var ids, categories []string
	for _, f := range all {
		ids = append(ids, f.ID)
		for _, r := range f.Requirements {
			if r.Category != "" && !slices.Contains(categories, r.Category) {
				categories = append(categories, r.Category)
			}
		}
	}
	for _, id := range cfg.Coverage {
		if !slices.Contains(ids, id) {
			return seaworthy.Invalid("coverage: there is no framework %q%s", id, suggestion(id, ids, "; there are "+strings.Join(ids, ", ")))
		}
	}
	for _, name := range cfg.Categories {
		if !slices.Contains(categories, name) {
			return seaworthy.Invalid("there is no category of criteria %q%s", name, suggestion(name, categories, "; there are "+strings.Join(categories, ", ")))
		}
	}
	return nil
}

func baseline(file string) (map[string]bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, seaworthy.Invalid("read the baseline: %v", err)
	}
	defer f.Close()
	known := map[string]bool{}
	for fp, err := range output.Fingerprints(f) {
		if err != nil {
			return nil, seaworthy.Invalid("read the baseline %s: %v", file, err)
		}
		known[fp] = true
	}
	return known, nil
}

// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/seaworthy-dev/seaworthy"
)

// Mode is what comes of a check that fails.
type Mode string

// The modes, the weakest first.
const (
	Off   Mode = "off"   // the check is not evaluated
	Audit Mode = "audit" // it goes on record
	Warn  Mode = "warn"  // and who asked is told
	Deny  Mode = "deny"  // the request is refused
)

// Modes lists the modes, the weakest first.
var Modes = []Mode{Off, Audit, Warn, Deny}

// weaker gives the weaker of two modes.
func weaker(a, b Mode) Mode {
	return Modes[min(slices.Index(Modes, a), slices.Index(Modes, b))]
}

// ModeIn sets the mode of some checks somewhere. What is empty holds for everything; all
// that is given must hold.
type ModeIn struct {
	// Checks are ids or categories of checks, or "custom" for the user's own.
	Checks []string
	// AtLeast is the lowest severity.
	AtLeast seaworthy.Severity
	// Clusters are names of clusters or patterns as in path.Match, Environments what they
	// are used for.
	Clusters, Environments []string
	// Namespaces are names of namespaces or patterns; what is in none is named "". Labels
	// is a selector of their labels.
	Namespaces []string
	Labels     string
	Mode       Mode

	selector labels.Selector
}

// prepareModes finds for each check what speaks of it in this cluster.
func (g *Guard) prepareModes() error {
	here := make([]bool, len(g.cfg.Modes))
	for i := range g.cfg.Modes {
		m := &g.cfg.Modes[i]
		if err := m.prepare(); err != nil {
			return fmt.Errorf("admission: mode %d: %w", i+1, err)
		}
		for _, name := range m.Checks {
			if !slices.ContainsFunc(g.cfg.Catalogue.Checks, func(k seaworthy.Check) bool { return m.names(name, &k) }) && !g.cfg.Catalogue.Knows(name) && !category(name) {
				return seaworthy.Invalid("admission: mode %d: there is no check and no category %q", i+1, name)
			}
		}
		here[i] = (len(m.Clusters) == 0 || matchesAny(m.Clusters, g.cfg.Source.Name)) &&
			(len(m.Environments) == 0 || slices.Contains(m.Environments, g.cfg.Environment))
	}
	for n := range g.cfg.Catalogue.Checks {
		k := &g.cfg.Catalogue.Checks[n]
		var list []int
		for i := range g.cfg.Modes {
			if here[i] && g.cfg.Modes[i].concerns(k) {
				list = append(list, i)
			}
		}
		g.index[k.ID] = n
		g.modes = append(g.modes, list)
	}
	return nil
}

func (m *ModeIn) prepare() error {
	if !slices.Contains(Modes, m.Mode) {
		return seaworthy.Invalid("%q is not one of off, audit, warn, deny", m.Mode)
	}
	if m.AtLeast != "" {
		if _, err := seaworthy.ParseSeverity(string(m.AtLeast)); err != nil {
			return err
		}
	}
	for _, p := range slices.Concat(m.Clusters, m.Namespaces) {
		if _, err := path.Match(p, ""); err != nil {
			return seaworthy.Invalid("the pattern %q is malformed", p)
		}
	}
	if m.Labels == "" {
		return nil
	}
	var err error
	if m.selector, err = labels.Parse(m.Labels); err != nil {
		return seaworthy.Invalid("the selector %q is malformed: %v", m.Labels, err)
	}
	return nil
}

func (m *ModeIn) concerns(k *seaworthy.Check) bool {
	return (m.AtLeast == "" || k.Severity.AtLeast(m.AtLeast)) &&
		(len(m.Checks) == 0 || slices.ContainsFunc(m.Checks, func(name string) bool { return m.names(name, k) }))
}

func (*ModeIn) names(name string, k *seaworthy.Check) bool {
	return name == k.ID || strings.EqualFold(name, k.Category) || k.Custom && name == "custom"
}

func matchesAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, s)
		return err == nil && ok
	})
}

// mode finds the mode of a check in a place. An error: it depends on labels that are not
// known; the mode is then the strictest that it may be.
func (g *Guard) mode(k *seaworthy.Check, at *place) (Mode, error) {
	strictest, unknown := Off, error(nil)
	for _, i := range g.modes[g.index[k.ID]] {
		m := &g.cfg.Modes[i]
		if len(m.Namespaces) > 0 && !matchesAny(m.Namespaces, at.namespace) {
			continue
		}
		if m.selector != nil {
			set, err := at.labels()
			if err != nil {
				unknown = err
				strictest = Modes[max(slices.Index(Modes, strictest), slices.Index(Modes, m.Mode))]
				continue
			}
			if set == nil || !m.selector.Matches(set) {
				continue
			}
		}
		return Modes[max(slices.Index(Modes, strictest), slices.Index(Modes, m.Mode))], unknown
	}
	return Modes[max(slices.Index(Modes, strictest), slices.Index(Modes, g.cfg.Default))], unknown
}

// ever tells whether the check may have a mode other than off somewhere.
func (g *Guard) ever(k *seaworthy.Check) bool {
	for _, i := range g.modes[g.index[k.ID]] {
		m := &g.cfg.Modes[i]
		if m.Mode != Off {
			return true
		}
		if len(m.Namespaces) == 0 && m.selector == nil {
			return false
		}
	}
	return g.cfg.Default != Off
}

func category(name string) bool {
	return slices.ContainsFunc(seaworthy.Categories, func(c string) bool { return strings.EqualFold(c, name) })
}

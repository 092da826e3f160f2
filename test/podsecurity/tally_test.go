// SPDX-License-Identifier: Apache-2.0

package podsecurity

import (
	"slices"
	"testing"

	"k8s.io/pod-security-admission/policy"
)

// tally remembers what the generated pods reached, for a comparison in which everything
// is denied, or nothing, would show nothing.
type tally struct {
	counts   map[policy.CheckID]map[string]*[2]int // by kind: denied, allowed
	traits   map[string]int
	compared int
	pods     int
}

func (c *tally) count(id policy.CheckID, kind string, allowed bool) {
	if c.counts[id] == nil {
		c.counts[id] = map[string]*[2]int{}
	}
	if c.counts[id][kind] == nil {
		c.counts[id][kind] = &[2]int{}
	}
	c.compared++
	if allowed {
		c.counts[id][kind][1]++
	} else {
		c.counts[id][kind][0]++
	}
}

func (c *tally) verdicts(id policy.CheckID) (allowed, denied int) {
	for _, n := range c.counts[id] {
		denied, allowed = denied+n[0], allowed+n[1]
	}
	return allowed, denied
}

// observe counts the sorts of pods on whose treatment the profiles turn.
func (c *tally) observe(spec object) {
	has := func(trait string, yes bool) {
		if yes {
			c.traits[trait]++
		}
	}
	os, _ := spec["os"].(object)
	has("a Windows pod", os["name"] == "windows")
	has("a user namespace", spec["hostUsers"] == false)
	for trait, field := range map[string]string{"init containers": "initContainers", "ephemeral containers": "ephemeralContainers"} {
		list, _ := spec[field].([]any)
		has(trait, len(list) > 0)
	}
	pod, _ := spec["securityContext"].(object)
	main, _ := spec["containers"].([]any)[0].(object)["securityContext"].(object)
	for _, field := range []string{"runAsNonRoot", "runAsUser", "seccompProfile", "seLinuxOptions", "appArmorProfile", "windowsOptions"} {
		has(field+" of the pod alone", pod[field] != nil && main[field] == nil)
		has(field+" of the container alone", pod[field] == nil && main[field] != nil)
		has(field+" of both", pod[field] != nil && main[field] != nil)
	}
}

// wantBoth wants each verdict of each part in each kind for one pod in 25, and each
// trait for one in 50.
func (c *tally) wantBoth(t *testing.T, parts []part) {
	t.Helper()
	for _, p := range parts {
		for kind, n := range c.counts[p.id] {
			if slices.Min(n[:]) < c.pods/25 {
				t.Errorf("%s of a %s was denied %d times and allowed %d times of %d: the generator rarely reaches one of these", p.id, kind, n[0], n[1], c.pods)
			}
		}
	}
	for trait, n := range c.traits {
		if n < c.pods/50 {
			t.Errorf("only %d of %d pods have %s", n, c.pods, trait)
		}
	}
	if len(c.traits) != 22 {
		t.Errorf("%d traits were met, want all 22", len(c.traits))
	}
}

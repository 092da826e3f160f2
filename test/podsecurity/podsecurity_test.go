// SPDX-License-Identifier: Apache-2.0

// Package podsecurity holds the checks that make up the Pod Security Standards to the
// evaluators of k8s.io/pod-security-admission: over generated pods, wrapped in every
// kind that holds pods, each check must say what the part of the profile says that it
// stands for.
package podsecurity

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/checktest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the generated pods; 0 takes another one each time")

// equivalents names, for each part of the profiles, the checks that judge it together.
var equivalents = map[policy.CheckID][]string{
	"hostNamespaces":             {"host-network", "host-pid", "host-ipc"},
	"privileged":                 {"privileged-container"},
	"capabilities_baseline":      {"capabilities-beyond-baseline"},
	"hostPathVolumes":            {"host-path-volume"},
	"hostPorts":                  {"host-port"},
	"hostProbesAndHostLifecycle": {"probe-host-field"},
	"appArmorProfile":            {"apparmor-disabled"},
	"seLinuxOptions":             {"selinux-custom-options"},
	"procMount":                  {"proc-mount-unmasked"},
	"procMount_restricted":       {"proc-mount-unmasked"},
	"seccompProfile_baseline":    {"seccomp-unconfined"},
	"sysctls":                    {"unsafe-sysctls"},
	"windowsHostProcess":         {"windows-host-process"},
	"restrictedVolumes":          {"restricted-volume-types"},
	"allowPrivilegeEscalation":   {"privilege-escalation-allowed"},
	"runAsNonRoot":               {"run-as-root-allowed"},
	"runAsUser":                  {"run-as-user-root"},
	"seccompProfile_restricted":  {"seccomp-profile-missing"},
	"capabilities_restricted":    {"capabilities-restricted-profile"},
}

// parameters are set where a part of a profile is not what its check judges by default.
var parameters = map[policy.CheckID]map[string]string{"procMount": {"level": "baseline"}}

// versioned are the checks that follow the profiles of an older Kubernetes when told to.
// The others judge by the newest, whatever the version.
var versioned = []policy.CheckID{"procMount", "runAsNonRoot", "runAsUser", "seLinuxOptions", "sysctls"}

func TestChecksEqualTheProfiles(t *testing.T) {
	seed := seeded(t)
	n := 2000
	if testing.Short() {
		n = 300
	}
	parts := partsOf(t, "", nil)
	if len(parts) != len(equivalents) {
		t.Errorf("the profiles have %d parts, %d are compared here", len(parts), len(equivalents))
	}
	tally := compare(t, generator{rand.New(rand.NewPCG(seed, 1))}, n, parts, envelopes)
	for _, p := range parts {
		allowed, denied := tally.verdicts(p.id)
		t.Logf("%-28s %6d allowed %6d denied", p.id, allowed, denied)
	}
	tally.wantBoth(t, parts)
	fmt.Printf("podsecurity: seed %d, %d pods in %d kinds, %d verdicts compared\n", seed, n, len(envelopes), tally.compared)
}

// TestChecksEqualOlderProfiles tries the versions in which a profile changed and the
// ones before.
func TestChecksEqualOlderProfiles(t *testing.T) {
	seed := seeded(t)
	n := 400
	if testing.Short() {
		n = 200
	}
	for _, version := range []string{"1.26", "1.27", "1.28", "1.29", "1.30", "1.31", "1.32", "1.34", "1.35"} {
		t.Run(version, func(t *testing.T) {
			parts := partsOf(t, version, versioned)
			tally := compare(t, generator{rand.New(rand.NewPCG(seed, 2))}, n, parts, envelopes[:2])
			tally.wantBoth(t, parts)
		})
	}
}

func seeded(t *testing.T) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (repeat with -seed)", seed)
	return seed
}

// A part is one check of a profile, at a version, with the checks here that stand for it.
type part struct {
	id     policy.CheckID
	theirs policy.CheckPodFn
	ours   *cel.Evaluator
}

// partsOf gives the parts of the profiles of a version ("" is the newest), or of those
// the chosen ones.
func partsOf(t *testing.T, version string, chosen []policy.CheckID) []part {
	t.Helper()
	at := psa.LatestVersion()
	if version != "" {
		var err error
		if at, err = psa.ParseVersion("v" + version); err != nil {
			t.Fatal(err)
		}
	}
	var out []part
	for _, c := range policy.DefaultChecks() {
		if chosen != nil && !slices.Contains(chosen, c.ID) {
			continue
		}
		if equivalents[c.ID] == nil {
			t.Errorf("no check stands for %s", c.ID)
			continue
		}
		p := part{id: c.ID}
		for _, v := range c.Versions {
			if !at.Older(v.MinimumVersion) {
				p.theirs = v.CheckPod
			}
		}
		if p.theirs == nil {
			continue
		}
		params := maps.Clone(parameters[c.ID])
		if version != "" {
			if params == nil {
				params = map[string]string{}
			}
			params["kubernetes-version"] = version
		}
		p.ours = evaluator(t, equivalents[c.ID], params)
		out = append(out, p)
	}
	return out
}

func evaluator(t *testing.T, ids []string, params map[string]string) *cel.Evaluator {
	t.Helper()
	all, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	var policies []cel.Policy
	for _, s := range all {
		if slices.Contains(ids, s.ID) {
			policies = append(policies, cel.Policy{ID: s.ID, Spec: &s.Policy.Spec, Params: checktest.Params(s.ID, params), Linear: true})
		}
	}
	if len(policies) != len(ids) {
		t.Fatalf("not all of %q are there", ids)
	}
	return cel.New(policies).Evaluator()
}

// compare judges n generated pods, each in every envelope.
func compare(t *testing.T, g generator, n int, parts []part, in []envelope) *tally {
	t.Helper()
	dec := snapshot.NewDecoder()
	tally := &tally{counts: map[policy.CheckID]map[string]*[2]int{}, traits: map[string]int{}, pods: n}
	reported := map[policy.CheckID]int{}
	for range n {
		metadata, spec := g.pod()
		tally.observe(spec)
		for _, e := range in {
			s := wrap(t, dec, e, metadata, spec)
			for _, p := range parts {
				allowed, difference := p.judge(s)
				tally.count(p.id, e.kind, allowed)
				if difference == "" {
					continue
				}
				if reported[p.id]++; reported[p.id] > 2 {
					continue // more of the same teaches nothing
				}
				least := shrink(spec, func(spec object) bool {
					_, d := p.judge(wrap(t, dec, e, metadata, spec))
					return d != ""
				})
				_, difference = p.judge(wrap(t, dec, e, metadata, least))
				text, _ := yaml.Marshal(e.wrap(maps.Clone(metadata), least))
				t.Errorf("%s: %s\n%s", p.id, difference, text)
			}
		}
	}
	return tally
}

// subject is one pod in an envelope as either side sees it.
type subject struct {
	object   *snapshot.Object
	metadata *metav1.ObjectMeta
	spec     *corev1.PodSpec
}

func wrap(t *testing.T, dec *snapshot.Decoder, e envelope, metadata, spec object) subject {
	t.Helper()
	o, err := dec.Decode(e.wrap(maps.Clone(metadata), spec), snapshot.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return subject{o, typed[metav1.ObjectMeta](t, metadata), defaulted(t, e, spec)}
}

// judge asks both sides about a pod. The difference is empty where they agree.
func (p part) judge(s subject) (allowed bool, difference string) {
	theirs := p.theirs(s.metadata, s.spec)
	var denied, items []string
	p.ours.Judge(checktest.Request(s.object), nil, func(_ int, v cel.Verdict) {
		if v.Err != nil {
			difference = v.Err.Error()
		}
		if v.Denied {
			denied, items = append(denied, v.Messages...), append(items, v.Items...)
		}
	})
	switch {
	case difference != "":
	case theirs.Allowed != (len(denied) == 0):
		difference = fmt.Sprintf("the profile says allowed %v (%s %s), the checks say %q", theirs.Allowed, theirs.ForbiddenReason, theirs.ForbiddenDetail, denied)
	case len(denied) > 0 && len(items) == 0:
		difference = "denied without an offending item"
	}
	for _, item := range items {
		if difference == "" && s.object.Item(item, "").Path == "" {
			difference = fmt.Sprintf("item %q leads nowhere", item)
		}
	}
	return theirs.Allowed, difference
}

// defaulted is the spec as the API server shows it to the profile. Two of its defaults
// have a say: a volume of no type is an emptyDir, and a Pod on its node's network has all
// its ports there.
func defaulted(t *testing.T, e envelope, spec object) *corev1.PodSpec {
	t.Helper()
	s := typed[corev1.PodSpec](t, spec)
	for i := range s.Volumes {
		if v := &s.Volumes[i]; v.VolumeSource == (corev1.VolumeSource{}) {
			v.EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
	if e.kind != "Pod" || !s.HostNetwork {
		return s
	}
	for _, list := range [][]corev1.Container{s.Containers, s.InitContainers} {
		for i := range list {
			for k := range list[i].Ports {
				if p := &list[i].Ports[k]; p.HostPort == 0 {
					p.HostPort = p.ContainerPort
				}
			}
		}
	}
	return s
}

// typed reads JSON the plain way, past everything that is tested here.
func typed[T any](t *testing.T, m object) *T {
	t.Helper()
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	out := new(T)
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
	return out
}

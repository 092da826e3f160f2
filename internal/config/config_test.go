// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/config"
)

// write makes files below a new folder and gives it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const whole = `
source: harbour/production
paths: [clusters/production, /charts/storefront, "-"]
kubernetesVersion: 1.30
provider: EKS
checks:
  image-registry-not-allowed:
    parameters: {registries: registry.example/, count: 3}
  cpu-limit-missing: {mode: off}
  single-replica: {severity: low, mode: deny}
only: [Security]
except: [host-port]
scopes:
- namespaces: [dev-*]
  off: [pdb-missing]
  reason: Nothing there has to survive a node.
policies: [policies]
controls: [controls]
frameworks: [../frameworks]
coverage: [soc2, hipaa]
categories: [security]
failOn: none
baseline: baseline.json
waivers: [waivers.yaml]
honourAnnotations: true
inputs: {gitignore: true, skipVendored: true, allowNetwork: true, skipUnreadable: true}
helm: {values: [values.yaml], set: ["a=b,c=d"], release: shop, namespace: shop}
cluster: {kubeconfig: kube, context: prod, namespaces: [shop], secrets: true}
`

func TestLoad(t *testing.T) {
	dir := write(t, map[string]string{"config/seaworthy.yaml": whole})
	file := filepath.Join(dir, "config", "seaworthy.yaml")
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	at := func(p string) string { return filepath.Join(dir, "config", p) }
	for what, pair := range map[string][2]any{
		"paths":      {[]string{at("clusters/production"), "/charts/storefront", "-"}, c.Paths},
		"policies":   {[]string{at("policies")}, c.Policies},
		"frameworks": {[]string{filepath.Join(dir, "frameworks")}, c.Frameworks},
		"waivers":    {[]string{at("waivers.yaml")}, c.Waivers},
		"values":     {[]string{at("values.yaml")}, c.Helm.Values},
		"set":        {[]string{"a=b,c=d"}, c.Helm.Set},
		"baseline":   {at("baseline.json"), c.Baseline},
		"kubeconfig": {at("kube"), c.Cluster.Kubeconfig},
		"version":    {"1.30", c.KubernetesVersion},
		"coverage":   {[]string{"soc2", "hipaa"}, c.Coverage},
		"file":       {file, c.File()},
		"checks": {map[string]config.Check{
			"image-registry-not-allowed": {Parameters: map[string]string{"registries": "registry.example/", "count": "3"}},
			"cpu-limit-missing":          {Mode: "off"},
			"single-replica":             {Severity: "low", Mode: "deny"},
		}, c.Checks},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

func TestLoadHome(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	dir := write(t, map[string]string{"seaworthy.yaml": "cluster: {kubeconfig: ~/.kube/production}\n"})
	c, err := config.Load(filepath.Join(dir, "seaworthy.yaml"))
	if want := filepath.Join(home, ".kube", "production"); err != nil || c.Cluster.Kubeconfig != want {
		t.Errorf("Load = %v, kubeconfig %q, want %q", err, c.Cluster.Kubeconfig, want)
	}
}

func TestLoadDefaults(t *testing.T) {
	dir := write(t, map[string]string{"seaworthy.yaml": "# nothing yet\n"})
	c, err := config.Load(filepath.Join(dir, "seaworthy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if c.FailOn != "high" || !cmp.Equal(c.Coverage, []string{"soc2"}) || len(c.Categories) != 3 {
		t.Errorf("an empty file gives %+v", c)
	}
}

func TestLoadTellsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"keys": {
			"fail-on: high\nhelm: {valeus: [x]}\n",
			`seaworthy.yaml: line 1: key "fail-on" is not known (did you mean "failOn"?)` + "\n" +
				`seaworthy.yaml: line 2: key "helm.valeus" is not known (did you mean "values"?)`,
		},
		"values": {
			"failOn: hihg\nkubernetesVersion: latest\nchecks: {a: {mode: block, severity: bad}}\n",
			`seaworthy.yaml: failOn: severity "hihg" is not one of critical, high, medium, low, info, none` + "\n" +
				`seaworthy.yaml: kubernetesVersion: "latest" is not of the form 1.36` + "\n" +
				`seaworthy.yaml: checks.a.mode: "block" is not one of off, audit, warn, deny` + "\n" +
				`seaworthy.yaml: checks.a.severity: severity "bad" is not one of critical, high, medium, low, info`,
		},
		"scopes": {
			"scopes:\n- namespaces: [a]\n  off: [b]\n- namespaces: ['[']\n  off: [b]\n  reason: c\n",
			`seaworthy.yaml: scopes[0]: it needs namespaces, checks that are off there, and a reason` + "\n" +
				`seaworthy.yaml: scopes[1]: the pattern "[" is malformed`,
		},
		"types": {"waivers: w.yaml\n", "seaworthy.yaml: line 1: a list is wanted, not `w.yaml`"},
		"a Secret that cannot be": {
			"agent: {secrets: [slack, Slack]}\n",
			`seaworthy.yaml: agent.secrets[1]: "Slack" is no name of a Secret`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(write(t, map[string]string{"seaworthy.yaml": c.text}))
			_, err := config.Load("seaworthy.yaml")
			if err == nil {
				t.Fatal("Load = nil error")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidateNamesFlags(t *testing.T) {
	c := config.Default()
	c.FailOn, c.Scopes = "worst", []config.Scope{{}}
	err := c.Validate(func(_, flag string) string { return "--" + flag })
	want := `--fail-on: severity "worst" is not one of critical, high, medium, low, info, none` + "\n" +
		"--scope: it needs namespaces, checks that are off there, and a reason"
	if err == nil || err.Error() != want {
		t.Errorf("Validate = %v, want %s", err, want)
	}
	if err := config.Default().Validate(nil); err != nil {
		t.Errorf("the defaults are not valid: %v", err)
	}
	for _, version := range []string{"1.36", "v1.36", "1.36.2", "v1.33.4-eks-99d6cc0", "v1.32.7+IKS"} {
		c := config.Default()
		if c.KubernetesVersion = version; c.Validate(nil) != nil {
			t.Errorf("version %s is refused", version)
		}
	}
}

func TestFind(t *testing.T) {
	dir := write(t, map[string]string{
		"repo/.git/config":                "",
		"repo/seaworthy.yaml":             "source: root\n",
		"repo/deploy/app/app.yaml":        "",
		"repo/team/seaworthy.yaml":        "source: team\n",
		"repo/team/deploy/app.yaml":       "",
		"repo/vendored/.git/config":       "",
		"repo/vendored/deploy/app.yaml":   "",
		"repo/broken/seaworthy.yaml":      "sauce: x\n",
		"repo/broken/deploy/app.yaml":     "",
		"repo/worktree/.git":              "gitdir: elsewhere\n",
		"repo/worktree/deploy/below.yaml": "",
	})
	for start, want := range map[string]string{
		"repo":                      "root",
		"repo/deploy/app":           "root",
		"repo/deploy/app/app.yaml":  "root", // a file
		"repo/deploy/missing.yaml":  "root", // a glob, or a file that is not there
		"repo/team":                 "team",
		"repo/team/deploy/app.yaml": "team",
		"repo/vendored/deploy":      "", // another repository
		"repo/worktree/deploy":      "",
	} {
		c, err := config.Find(filepath.Join(dir, filepath.FromSlash(start)))
		if err != nil || c.Source != want {
			t.Errorf("Find(%s) = source %q, %v; want %q", start, c.Source, err, want)
		}
	}
	if _, err := config.Find(filepath.Join(dir, "repo", "broken", "deploy")); err == nil || !strings.Contains(err.Error(), "sauce") {
		t.Errorf("Find of a broken file = %v", err)
	}
	// Names are those that the user can type.
	t.Chdir(filepath.Join(dir, "repo", "deploy"))
	if c, err := config.Find("app"); err != nil || c.File() != filepath.Join("..", "seaworthy.yaml") {
		t.Errorf("Find(app) = %v of %s", err, c.File())
	}
}

func TestParseFailOn(t *testing.T) {
	for text, want := range map[string]seaworthy.Severity{"": "", "none": "", "high": seaworthy.High, "Critical": seaworthy.Critical} {
		if got, err := config.ParseFailOn(text); err != nil || got != want {
			t.Errorf("ParseFailOn(%q) = %q, %v", text, got, err)
		}
	}
}

func TestLoadWaivers(t *testing.T) {
	const good = "owner: a@example.com\n  reason: it must\n  expires: 2035-06-30\n"
	for name, c := range map[string]struct{ text, want string }{
		"good":         {"waivers:\n- check: run-as-*\n  " + good, ""},
		"empty":        {"", ""},
		"no list":      {"- check: a\n", "line 1: a mapping with the keys waivers is wanted"},
		"unknown key":  {"waivers:\n- check: a\n  expiry: 2035-06-30\n", `line 3: key "waivers[0].expiry" is not known (did you mean "expires"?)`},
		"no check":     {"waivers:\n- " + good, "waivers[0]: a waiver needs a check"},
		"no owner":     {"waivers:\n- check: a\n  reason: b\n  expires: 2035-06-30\n", "waivers[0]: the waiver of a needs an owner"},
		"no reason":    {"waivers:\n- check: a\n  owner: b\n  expires: 2035-06-30\n", "waivers[0]: the waiver of a needs a reason"},
		"no end":       {"waivers:\n- check: a\n  owner: b\n  reason: c\n", "waivers[0]: the waiver of a needs an expiry date (expires: YYYY-MM-DD)"},
		"no such day":  {"waivers:\n- check: a\n  owner: b\n  reason: c\n  expires: tomorrow\n", `line 5: waivers[0].expires: date "tomorrow" is not of the form YYYY-MM-DD`},
		"own approval": {"waivers:\n- check: a\n  approver: a@example.com\n  " + good, "waivers[0]: the waiver of a is approved by its own owner a@example.com"},
		"bad pattern":  {"waivers:\n- check: 'a['\n  " + good, `waivers[0]: the waiver of a[ has a malformed pattern "a["`},
		"second": {
			"waivers:\n- check: a\n  " + good + "- check: b\n",
			"waivers[1]: the waiver of b needs an owner",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(write(t, map[string]string{"waivers.yaml": c.text}))
			_, err := config.LoadWaivers("waivers.yaml")
			switch {
			case c.want == "" && err != nil:
				t.Errorf("LoadWaivers = %v", err)
			case c.want != "" && (err == nil || err.Error() != "waivers.yaml: "+c.want):
				t.Errorf("LoadWaivers = %v, want waivers.yaml: %s", err, c.want)
			}
		})
	}
}

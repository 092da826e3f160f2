// SPDX-License-Identifier: Apache-2.0

// Package config is the configuration of Seaworthy: one struct, read from
// seaworthy.yaml, that flags of the command line override. Its JSON Schema and the table
// in docs/configure.md are generated from the struct.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/strict"
)

// FileName is what the configuration file is called.
const FileName = "seaworthy.yaml"

// Config is everything that can be set. Paths in a file are relative to the file. The
// doc tags make the documentation, the flag tags name the flag of `seaworthy scan`,
// oneOf and required are for the schema.
type Config struct {
	Source            string           `yaml:"source" flag:"source" doc:"Name of what is scanned; part of every fingerprint. Default: the repository's address, else the folder's name"`
	Paths             []string         `yaml:"paths" doc:"What to scan when no path is given: files, folders, globs"`
	KubernetesVersion string           `yaml:"kubernetesVersion" flag:"kubernetes-version" doc:"Kubernetes version to judge against, such as 1.36. Default: the cluster's own, else the newest known"`
	Provider          string           `yaml:"provider" flag:"provider" doc:"Who runs the control plane: EKS, GKE, AKS, OpenShift, … or self-managed. Default: detected from the cluster"`
	Checks            map[string]Check `yaml:"checks" doc:"Settings of single checks, by id"`
	Only              []string         `yaml:"only" flag:"only" doc:"Run only these checks (ids, categories, or custom for your own)"`
	Except            []string         `yaml:"except" flag:"except" doc:"Leave out these checks (ids, categories, or custom)"`
	Scopes            []Scope          `yaml:"scopes" flag:"scope" doc:"Where checks do not run, by namespace, and why"`
	Policies          []string         `yaml:"policies" flag:"policies" doc:"Folders of your own checks: ValidatingAdmissionPolicies, Rego, Gatekeeper templates with constraints"`
	Controls          []string         `yaml:"controls" flag:"controls" doc:"Folders of your own controls"`
	Frameworks        []string         `yaml:"frameworks" flag:"frameworks" doc:"Folders of your own frameworks"`
	Coverage          []string         `yaml:"coverage" flag:"coverage" doc:"Frameworks whose coverage the report holds; the flag also shows it in text. Default: soc2"`
	Categories        []string         `yaml:"categories" flag:"categories" doc:"Categories of criteria in scope. Default: security, availability, confidentiality"`
	FailOn            string           `yaml:"failOn" flag:"fail-on" oneOf:"critical high medium low info none" doc:"Exit 3 on findings of this severity or worse: critical, high, medium, low, info or none. Default: high"`
	Baseline          string           `yaml:"baseline" flag:"baseline" doc:"A JSON report; only findings that it does not hold fail"`
	Waivers           []string         `yaml:"waivers" flag:"waivers" doc:"Files of waivers"`
	HonourAnnotations bool             `yaml:"honourAnnotations" flag:"honour-annotations" doc:"Let annotations seaworthy.dev/waive-<check> waive findings. Without it they are requests"`
	Inputs            Inputs           `yaml:"inputs" doc:"How inputs are read"`
	Helm              Helm             `yaml:"helm" doc:"How charts are rendered"`
	Cluster           Cluster          `yaml:"cluster" doc:"How a live cluster is read"`
	Agent             Agent            `yaml:"agent" doc:"What an agent does in its cluster"`

	file string
}

// Check is the setting of one check.
type Check struct {
	Mode       string            `yaml:"mode" flag:"mode" oneOf:"off audit warn deny" doc:"How a check runs: off switches it off; audit, warn and deny all run it in a scan, and tell an export what to do"`
	Severity   string            `yaml:"severity" flag:"severity" oneOf:"critical high medium low info" doc:"Severity of a check's findings"`
	Parameters map[string]string `yaml:"parameters" flag:"parameter" doc:"Parameters of a check; 'seaworthy checks show ID' lists them"`
}

// Scope switches checks off in some namespaces.
type Scope struct {
	Namespaces []string `yaml:"namespaces" required:"true" doc:"Names or patterns such as dev-*"`
	Off        []string `yaml:"off" required:"true" doc:"Ids or categories of checks that do not run there"`
	Reason     string   `yaml:"reason" required:"true" doc:"Why"`
}

// Inputs says how inputs are read.
type Inputs struct {
	Gitignore      bool `yaml:"gitignore" flag:"gitignore" doc:"Leave out what .gitignore names"`
	SkipVendored   bool `yaml:"skipVendored" flag:"skip-vendored" doc:"Leave out vendor, node_modules and the like"`
	AllowNetwork   bool `yaml:"allowNetwork" flag:"allow-network" doc:"Let kustomizations fetch remote bases"`
	SkipUnreadable bool `yaml:"skipUnreadable" flag:"skip-unreadable" doc:"Report what cannot be read as skipped instead of exiting 2"`
}

// Helm says how charts are rendered.
type Helm struct {
	Values    []string `yaml:"values" flag:"values" doc:"Values files for every chart"`
	Set       []string `yaml:"set" flag:"set" commas:"kept" doc:"Single values, as of helm --set"`
	Release   string   `yaml:"release" flag:"release" doc:"Release name. Default: release-name"`
	Namespace string   `yaml:"namespace" flag:"release-namespace" doc:"Namespace of the release. Default: default"`
}

// Cluster says how a live cluster is read.
type Cluster struct {
	Kubeconfig string   `yaml:"kubeconfig" flag:"kubeconfig" doc:"Path of the kubeconfig. Default: KUBECONFIG, else ~/.kube/config, else the pod's own"`
	Context    string   `yaml:"context" flag:"context" doc:"Context of the kubeconfig"`
	Namespaces []string `yaml:"namespaces" flag:"namespace" doc:"Only these namespaces"`
	Secrets    bool     `yaml:"secrets" flag:"secrets" doc:"List Secrets too; their values are dropped at once, but the right to list them returns them"`
}

// Default is what holds where nothing is set.
func Default() *Config {
	return &Config{
		FailOn: "high", Coverage: []string{"soc2"},
		Categories: []string{"security", "availability", "confidentiality"},
	}
}

// Modes are the modes of a check.
var Modes = []string{"off", "audit", "warn", "deny"}

// Load reads a configuration file.
func Load(file string) (*Config, error) {
	c := Default()
	if err := strict.ReadFile(file, c); err != nil {
		return nil, err
	}
	c.file = file
	if err := c.Validate(func(path, _ string) string { return file + ": " + path }); err != nil {
		return nil, err
	}
	dir := filepath.Dir(file)
	for _, list := range [][]string{c.Paths, c.Policies, c.Controls, c.Frameworks, c.Waivers, c.Helm.Values} {
		for i, p := range list {
			list[i] = relative(dir, p)
		}
	}
	c.Baseline, c.Cluster.Kubeconfig = relative(dir, c.Baseline), relative(dir, c.Cluster.Kubeconfig)
	for _, f := range c.Agent.files() {
		*f = relative(dir, *f)
	}
	return c, nil
}

// Find looks for a configuration file beside the first path and in the folders above it,
// up to the root of the repository. No file is no error.
func Find(start string) (*Config, error) {
	dir, err := filepath.Abs(start)
	if err != nil {
		return Default(), nil
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		dir = filepath.Dir(dir)
	}
	for {
		file := filepath.Join(dir, FileName)
		if _, err := os.Stat(file); err == nil {
			if wd, err := os.Getwd(); err == nil {
				if rel, err := filepath.Rel(wd, file); err == nil {
					file = rel
				}
			}
			return Load(file)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, seaworthy.Invalid("look for %s: %v", FileName, err)
		}
		_, gitErr := os.Stat(filepath.Join(dir, ".git"))
		if parent := filepath.Dir(dir); gitErr == nil || parent == dir {
			return Default(), nil
		}
		dir = filepath.Dir(dir)
	}
}

// File is where the configuration was read, or empty.
func (c *Config) File() string { return c.file }

// relative makes a path of a file relative to it; ~ is the home of whoever runs the scan.
func relative(dir, p string) string {
	if rest, ok := strings.CutPrefix(p, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if p == "" || p == "-" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(dir, p)
}

// Validate finds values that no setting takes. Each problem names the setting as name
// gives it, of the path in the file and the flag: "failOn" and "fail-on".
func (c *Config) Validate(name func(path, flag string) string) error {
	var problems []string
	bad := func(path, flag, format string, args ...any) {
		problems = append(problems, name(path, flag)+": "+fmt.Sprintf(format, args...))
	}
	if _, err := ParseFailOn(c.FailOn); err != nil {
		bad("failOn", "fail-on", "%v", err)
	}
	if c.KubernetesVersion != "" && !kubernetesVersion.MatchString(c.KubernetesVersion) {
		bad("kubernetesVersion", "kubernetes-version", "%q is not of the form 1.36", c.KubernetesVersion)
	}
	for _, id := range slices.Sorted(maps.Keys(c.Checks)) {
		k := c.Checks[id]
		if k.Mode != "" && !slices.Contains(Modes, k.Mode) {
			bad("checks."+id+".mode", "mode", "%q is not one of %s", k.Mode, strings.Join(Modes, ", "))
		}
		if _, err := seaworthy.ParseSeverity(k.Severity); k.Severity != "" && err != nil {
			bad("checks."+id+".severity", "severity", "%v", err)
		}
	}
	for i, s := range c.Scopes {
		at := fmt.Sprintf("scopes[%d]", i)
		if len(s.Namespaces) == 0 || len(s.Off) == 0 || s.Reason == "" {
			bad(at, "scope", "it needs namespaces, checks that are off there, and a reason")
		}
		for _, p := range s.Namespaces {
			if _, err := path.Match(p, ""); err != nil {
				bad(at, "scope", "the pattern %q is malformed", p)
			}
		}
	}
	c.Agent.validate(bad)
	if len(problems) > 0 {
		return seaworthy.Invalid("%s", strings.Join(problems, "\n"))
	}
	return nil
}

// kubernetesVersion is what versions look like, also those of providers: v1.36.2-eks-99d6cc0.
var kubernetesVersion = regexp.MustCompile(`^v?\d+\.\d+(\.\d+.*)?$`)

// ParseFailOn reads a threshold; "none" and "" mean that nothing fails.
func ParseFailOn(s string) (seaworthy.Severity, error) {
	if s == "" || s == "none" {
		return "", nil
	}
	v, err := seaworthy.ParseSeverity(s)
	if err != nil {
		return "", seaworthy.Invalid("severity %q is not one of critical, high, medium, low, info, none", s)
	}
	return v, nil
}

// Waivers is a file of waivers.
type Waivers struct {
	Waivers []seaworthy.Waiver `yaml:"waivers"`
}

// LoadWaivers reads a file of waivers and checks each.
func LoadWaivers(file string) ([]seaworthy.Waiver, error) {
	var w Waivers
	if err := strict.ReadFile(file, &w); err != nil {
		return nil, err
	}
	for i, one := range w.Waivers {
		if err := one.Validate(); err != nil {
			return nil, seaworthy.Invalid("%s: waivers[%d]: %v", file, i, err)
		}
	}
	return w.Waivers, nil
}

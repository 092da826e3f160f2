// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// verdict is what an expectation says of a process: problems by flag, or why it cannot
// be told. Neither means that it is met.
type verdict struct {
	problems []problem
	unknown  string
}

type problem struct{ flag, message string }

func fails(flag, format string, args ...any) verdict {
	return verdict{problems: []problem{{flag, fmt.Sprintf(format, args...)}}}
}

// expectation judges the flags of a process.
type expectation func(*process) verdict

// unresolved tells whether a value is only known in the cluster.
func unresolved(value string) bool {
	return strings.Contains(value, "$(") || strings.HasPrefix(value, "$")
}

// isTrue wants a boolean flag to be on; byDefault is what it is when it is not set.
func isTrue(name string, byDefault bool) expectation { return is(name, true, byDefault) }

// isFalse wants a boolean flag to be off.
func isFalse(name string, byDefault bool) expectation { return is(name, false, byDefault) }

func is(name string, want, byDefault bool) expectation {
	return func(p *process) verdict {
		f, set := p.flags[name]
		if !set {
			if byDefault == want {
				return verdict{}
			}
			return fails(name, "--%s is not set and is %t by default", name, byDefault)
		}
		got, err := strconv.ParseBool(f.value)
		switch {
		case unresolved(f.value):
			return verdict{unknown: fmt.Sprintf("the value of --%s is not in the manifest", name)}
		case err != nil:
			return fails(name, "--%s is %q, which is neither true nor false", name, f.value)
		case got != want:
			return fails(name, "--%s is %t", name, got)
		}
		return verdict{}
	}
}

// isSet wants every one of the flags to have a value.
func isSet(names ...string) expectation {
	return func(p *process) verdict {
		var v verdict
		for _, name := range names {
			switch f, set := p.flags[name]; {
			case !set:
				v.problems = append(v.problems, problem{name, "--" + name + " is not set"})
			case f.value == "":
				v.problems = append(v.problems, problem{name, "--" + name + " has no value"})
			}
		}
		return v
	}
}

// looksUp wants the tokens of service accounts to be looked up, as they are by default
// since Kubernetes 1.7.
func looksUp(p *process) verdict {
	return isTrue("service-account-lookup", !p.older(1, 7))(p)
}

// isUnset wants the flag to be away.
func isUnset(name string) expectation {
	return func(p *process) verdict {
		if f, set := p.flags[name]; set && f.value != "" {
			return fails(name, "--%s is set to %s", name, f.value)
		}
		return verdict{}
	}
}

// otherFormats are file name endings that no certificate or key has.
var otherFormats = []string{".txt", ".yaml", ".yml", ".json", ".conf", ".cfg", ".kubeconfig", ".csv", ".md", ".log"}

// isKeyFile wants the flag to name a file that can be a certificate or key on Linux,
// where the control plane runs.
func isKeyFile(name string) expectation {
	return func(p *process) verdict {
		v := isSet(name)(p)
		value := p.flags[name].value
		for _, ending := range otherFormats {
			if strings.HasSuffix(strings.ToLower(value), ending) {
				return fails(name, "--%s is %s, which is neither a certificate nor a key by its name", name, value)
			}
		}
		if strings.ContainsAny(value, "\\ \t") {
			return fails(name, "--%s is %s, which is no path of a file", name, value)
		}
		return v
	}
}

// atLeast wants a number of at least n.
func atLeast(name string, n int) expectation {
	return func(p *process) verdict {
		f, set := p.flags[name]
		got, err := strconv.Atoi(f.value)
		switch {
		case !set:
			return fails(name, "--%s is not set, at least %d is wanted", name, n)
		case unresolved(f.value):
			return verdict{unknown: fmt.Sprintf("the value of --%s is not in the manifest", name)}
		case err != nil:
			return fails(name, "--%s is %q, which is no number", name, f.value)
		case got < n:
			return fails(name, "--%s is %d, at least %d is wanted", name, got, n)
		}
		return verdict{}
	}
}

// onLoopback wants an address that other machines cannot reach; unset means all.
func onLoopback(name string) expectation {
	return func(p *process) verdict {
		f, set := p.flags[name]
		if !set {
			return fails(name, "--%s is not set and is 0.0.0.0 by default", name)
		}
		if addr, err := netip.ParseAddr(f.value); err == nil && addr.IsLoopback() || f.value == "localhost" {
			return verdict{}
		}
		if unresolved(f.value) {
			return verdict{unknown: fmt.Sprintf("the value of --%s is not in the manifest", name)}
		}
		return fails(name, "--%s is %s", name, f.value)
	}
}

// authorizes wants the API server's authorisation modes to hold a mode, or to lack it.
// Without the flag the mode is AlwaysAllow, unless a configuration file is named.
func authorizes(mode string, want bool) expectation {
	const name = "authorization-mode"
	return func(p *process) verdict {
		modes := p.flags.list(name)
		if _, set := p.flags[name]; !set {
			if file := p.flags["authorization-config"].value; file != "" {
				return verdict{unknown: "the authorisers are in the file " + file}
			}
			if mode == "AlwaysAllow" {
				return fails(name, "--%s is not set and is AlwaysAllow by default", name)
			}
			return fails(name, "--%s is not set and is AlwaysAllow by default, without %s", name, mode)
		}
		switch has := slices.Contains(modes, mode); {
		case want && !has:
			return fails(name, "--%s is %s, without %s", name, strings.Join(modes, ","), mode)
		case !want && has:
			return fails(name, "--%s is %s", name, strings.Join(modes, ","))
		}
		return verdict{}
	}
}

// The flags that switch admission plugins; the last is from before Kubernetes 1.10.
const (
	enabled  = "enable-admission-plugins"
	disabled = "disable-admission-plugins"
	ordered  = "admission-control"
)

// admits wants an admission plugin to run; byDefault says whether it does by itself,
// as some do since Kubernetes 1.10.
func admits(plugin string, byDefault bool) expectation {
	return func(p *process) verdict {
		if _, set := p.flags[ordered]; set {
			if !slices.Contains(p.flags.list(ordered), plugin) {
				return fails(ordered, "--%s lacks %s", ordered, plugin)
			}
			return verdict{}
		}
		switch {
		case slices.Contains(p.flags.list(disabled), plugin):
			return fails(disabled, "--%s holds %s", disabled, plugin)
		case byDefault && !p.older(1, 10) || slices.Contains(p.flags.list(enabled), plugin):
			return verdict{}
		case len(p.flags.list(enabled)) == 0:
			return fails(enabled, "--%s is not set, and %s does not run by itself", enabled, plugin)
		}
		return fails(enabled, "--%s lacks %s, which does not run by itself", enabled, plugin)
	}
}

// refuses wants an admission plugin that is off by default to stay off.
func refuses(plugin string) expectation {
	return func(p *process) verdict {
		for _, name := range []string{enabled, ordered} {
			if slices.Contains(p.flags.list(name), plugin) {
				return fails(name, "--%s holds %s", name, plugin)
			}
		}
		return verdict{}
	}
}

// gate wants a feature gate that is on by default not to be switched off.
func gate(feature string) expectation {
	const name = "feature-gates"
	return func(p *process) verdict {
		for _, g := range p.flags.list(name) {
			key, value, _ := strings.Cut(g, "=")
			if on, err := strconv.ParseBool(value); key == feature && (err != nil || !on) {
				return fails(name, "--%s holds %s", name, g)
			}
		}
		return verdict{}
	}
}

// strongCiphers wants every cipher suite to be of authenticated encryption. What Go
// offers by itself up to TLS 1.2 holds suites that are not.
func strongCiphers(p *process) verdict {
	const name = "tls-cipher-suites"
	suites := p.flags.list(name)
	if len(suites) == 0 {
		if p.flags["tls-min-version"].value == "VersionTLS13" {
			return verdict{} // TLS 1.3 has strong suites only
		}
		return fails(name, "--%s is not set, and the default holds suites with CBC", name)
	}
	var weak []string
	for _, s := range suites {
		if !strings.Contains(s, "_GCM_") && !strings.Contains(s, "CHACHA20") {
			weak = append(weak, s)
		}
	}
	if len(weak) > 0 {
		return fails(name, "--%s holds %s", name, strings.Join(weak, ", "))
	}
	return verdict{}
}

// unless gives the reason why the expectation cannot be judged, where the flag names a
// file that may say it instead and the expectation is not met by flags.
func unless(file string, e expectation) expectation {
	return func(p *process) verdict {
		v := e(p)
		if f := p.flags[file].value; len(v.problems) > 0 && f != "" && !explicit(p, v.problems) {
			return verdict{unknown: fmt.Sprintf("the setting may be in the file %s, which --%s names", f, file)}
		}
		return v
	}
}

// explicit tells whether a flag that is set is at fault.
func explicit(p *process, problems []problem) bool {
	return slices.ContainsFunc(problems, func(b problem) bool { _, set := p.flags[b.flag]; return set })
}

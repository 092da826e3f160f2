// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// The programs of a control plane.
const (
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	etcd              = "etcd"
)

// process is a container that runs one of the programs, with its flags.
type process struct {
	object    *snapshot.Object
	component string
	container string
	path      string // of the container: "spec.containers[0]"
	keyed     string // the same by name: "spec.containers[kube-apiserver]"
	field     string // "command" or "args": where flags go
	flags     flags
	version   analysis.Version // by the image's tag; zero where it tells none
	// config names the file that holds the settings instead of flags, if any.
	config string
}

// flags holds the values by flag name without dashes; the last one counts.
type flags map[string]flag

type flag struct {
	value string
	path  string // "command[3]"; empty where it comes from the environment
}

// boolean flags need no value, so the next word is not theirs.
var boolean = map[string]bool{
	"profiling": true, "anonymous-auth": true, "service-account-lookup": true, "use-service-account-credentials": true,
	"auto-tls": true, "peer-auto-tls": true, "client-cert-auth": true, "peer-client-cert-auth": true,
	"allow-privileged": true, "enable-bootstrap-token-auth": true, "leader-elect": true, "allocate-node-cidrs": true,
	"contention-profiling": true, "enable-aggregator-routing": true, "logtostderr": true, "configure-cloud-routes": true,
	"service-account-extend-token-expiration": true, "goaway": true,
}

// processes finds who runs the programs of a control plane, by program: static pods,
// also as a live cluster mirrors them, and any workload that runs one. On a managed
// cluster the control plane is not among the pods; an etcd in an application's
// namespace is then that application's own.
func processes(s *snapshot.Snapshot) map[string][]process {
	out := map[string][]process{}
	_, managed := analysis.Managed(s.Source.Provider)
	look := func(o *snapshot.Object, pod *corev1.PodSpec, path string) {
		if managed && s.Cluster() && o.EffectiveNamespace() != "kube-system" {
			return
		}
		for i := range pod.Containers {
			c := &pod.Containers[i]
			if p, ok := running(c); ok {
				p.object, p.container = o, c.Name
				p.path = path + ".containers[" + strconv.Itoa(i) + "]"
				p.keyed = path + ".containers[" + c.Name + "]"
				out[p.component] = append(out[p.component], p)
			}
		}
	}
	for _, w := range s.Workloads() {
		look(w.Object, w.Pod(), w.PodPath)
	}
	for o, pod := range snapshot.All[*corev1.Pod](s, "Pod") {
		if o.Owner != nil && o.Owner.Kind == "Node" { // the mirror of a static pod
			look(o, &pod.Spec, "spec")
		}
	}
	return out
}

// running tells which program the container runs.
func running(c *corev1.Container) (process, bool) {
	words := commandLine(c)
	p := process{field: "command"}
	if len(c.Args) > 0 {
		p.field = "args"
	}
	var at int
	if at, p.component = start(words); at < 0 {
		if len(c.Command) > 0 {
			return p, false
		}
		if p.component = entrypoint(c.Image); p.component == "" {
			return p, false
		}
	}
	p.flags = parse(words[at+1:])
	p.version = tagged(c.Image)
	if p.component == etcd {
		environment(p.flags, c.Env)
		p.config = p.flags["config-file"].value
	}
	return p, true
}

// wrappers start the program that their arguments name.
var wrappers = map[string]bool{
	"exec": true, "env": true, "nice": true, "sudo": true, "nohup": true, "time": true, "setpriv": true,
	"tini": true, "dumb-init": true, "go-runner": true, "hyperkube": true,
}

// start finds the word that starts a component: the first of a command, behind
// assignments and wrappers with their options. The index is -1 where there is none.
func start(words []word) (int, string) {
	wrapped, other := false, false
	for i, w := range words {
		switch component := program(w.text, words[i+1:]); {
		case w.end:
			wrapped, other = false, false
		case other:
		case component != "":
			return i, component
		case wrappers[base(w.text)]:
			wrapped = true
		case strings.HasPrefix(w.text, "-") && wrapped:
		case strings.Contains(w.text, "=") && !strings.HasPrefix(w.text, "-"):
		default:
			other = true // the arguments of another program
		}
	}
	return -1, ""
}

// program names the component that a word starts, also through hyperkube.
func program(text string, next []word) string {
	name := base(text)
	if name == "hyperkube" && len(next) > 0 {
		name = "kube-" + strings.TrimPrefix(next[0].text, "kube-")
	}
	switch name {
	case apiServer, controllerManager, scheduler, etcd:
		return name
	}
	return ""
}

// entrypoint names the component whose program an image starts by itself.
func entrypoint(image string) string {
	name, _, _ := strings.Cut(image, "@")
	name, _, _ = strings.Cut(base(name), ":")
	name = strings.TrimPrefix(name, "hardened-")
	for _, arch := range []string{"-amd64", "-arm64", "-arm", "-ppc64le", "-s390x"} {
		name = strings.TrimSuffix(name, arch)
	}
	return program(name, nil)
}

// tagged gives the version that an image's tag tells, or zero.
func tagged(image string) analysis.Version {
	name, _, _ := strings.Cut(image, "@")
	_, tag, _ := strings.Cut(base(name), ":")
	v, err := analysis.ParseVersion(tag)
	if err != nil {
		return analysis.Version{}
	}
	return v
}

// older tells whether the image is known to be older than the version.
func (p *process) older(major, minor int) bool {
	return p.version != (analysis.Version{}) && p.version.Before(analysis.Version{Major: major, Minor: minor})
}

// parse reads flags as the programs do: --name=value, --name value, -name, with
// underscores for dashes, and without a value where they are boolean.
func parse(words []word) flags {
	out := flags{}
	for i := 0; i < len(words); i++ {
		w := words[i]
		if w.end {
			break
		}
		text := strings.Trim(strings.TrimSpace(w.text), `"'`)
		if !strings.HasPrefix(text, "-") || strings.Trim(text, "-") == "" {
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimLeft(text, "-"), "=")
		name = strings.ReplaceAll(strings.TrimSpace(name), "_", "-")
		switch {
		case hasValue:
			value = strings.Trim(strings.TrimSpace(value), `"'`)
		case boolean[name]:
			value = "true"
		case i+1 < len(words) && !words[i+1].end && !strings.HasPrefix(words[i+1].text, "-"):
			i++
			value = strings.Trim(strings.TrimSpace(words[i].text), `"'`)
		}
		out[name] = flag{value, w.path}
	}
	return out
}

// environment adds what etcd reads from ETCD_ variables, where no flag says otherwise.
func environment(f flags, env []corev1.EnvVar) {
	for _, e := range env {
		name, ok := strings.CutPrefix(e.Name, "ETCD_")
		if !ok {
			continue
		}
		name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if _, set := f[name]; !set {
			value := e.Value
			if e.ValueFrom != nil {
				value = "$(" + e.Name + ")"
			}
			f[name] = flag{value: value}
		}
	}
}

// list splits a value at commas.
func (f flags) list(name string) []string {
	var out []string
	for _, v := range strings.Split(f[name].value, ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// SPDX-License-Identifier: Apache-2.0

package references

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// provided is which ConfigMaps and Secrets are there, or will be.
type provided struct {
	s       *snapshot.Snapshot
	objects map[place][]content
	// everywhere are those that a controller puts into every namespace that it likes.
	everywhere map[place][]content
}

// place of a ConfigMap or Secret; the namespace is empty for everywhere.
type place struct{ kind, namespace, name string }

// content is what is known of an object's keys.
type content struct {
	from *snapshot.Object // itself or who makes it; nil: every cluster has it
	keys []string
	any  bool // keys are filled in by someone
}

// add says that an object is there. No keys mean that they are not known.
func (p *provided) add(from *snapshot.Object, kind, namespace, name string, keys ...string) {
	if name != "" {
		at := place{kind, namespace, name}
		p.objects[at] = append(p.objects[at], content{from, keys, len(keys) == 0})
	}
}

func (p *provided) addEverywhere(from *snapshot.Object, kind, name string, keys ...string) {
	if name != "" {
		at := place{kind: kind, name: name}
		p.everywhere[at] = append(p.everywhere[at], content{from, keys, len(keys) == 0})
	}
}

// missing says what a reference of an object misses, or nothing.
func (p *provided) missing(o *snapshot.Object, r reference) string {
	there := false
	for _, list := range [][]content{p.objects[place{r.kind, o.EffectiveNamespace(), r.name}], p.everywhere[place{kind: r.kind, name: r.name}]} {
		for _, c := range list {
			if c.from != nil && !p.s.Together(o, c.from) {
				continue
			}
			there = true
			if r.key == "" || c.any || slices.Contains(c.keys, r.key) {
				return ""
			}
		}
		if there {
			return fmt.Sprintf("%s %s has no key %s", r.kind, r.name, r.key)
		}
	}
	return fmt.Sprintf("namespace %s has no %s %s", o.EffectiveNamespace(), r.kind, r.name)
}

// provide gathers what is there: the objects themselves, and what controllers and Jobs
// of the snapshot will make.
func provide(s *snapshot.Snapshot, unreadable func(*snapshot.Object, error)) *provided {
	p := &provided{s, map[place][]content{}, map[place][]content{}}
	p.addEverywhere(nil, "ConfigMap", "kube-root-ca.crt", "ca.crt")
	p.addEverywhere(nil, "ConfigMap", "openshift-service-ca.crt", "service-ca.crt")
	p.addEverywhere(nil, "ConfigMap", "istio-ca-root-cert", "root-cert.pem")
	for o, cm := range snapshot.All[*corev1.ConfigMap](s, "ConfigMap") {
		keys := slices.Collect(maps.Keys(cm.Data))
		p.object(s, o, cm.Labels, cm.Annotations, append(keys, slices.Collect(maps.Keys(cm.BinaryData))...))
	}
	for o, secret := range snapshot.All[*corev1.Secret](s, "Secret") {
		keys := slices.Collect(maps.Keys(secret.Data))
		keys = append(keys, slices.Collect(maps.Keys(secret.StringData))...)
		if secret.Type == corev1.SecretTypeServiceAccountToken {
			keys = nil // filled in by the control plane
		}
		p.object(s, o, secret.Labels, secret.Annotations, keys)
	}
	for o, svc := range snapshot.All[*corev1.Service](s, "Service") {
		for _, prefix := range []string{"beta", "alpha"} {
			p.add(o, "Secret", o.EffectiveNamespace(), svc.Annotations["service."+prefix+".openshift.io/serving-cert-secret-name"], "tls.crt", "tls.key")
		}
	}
	for _, w := range s.Workloads() {
		p.jobs(w)
	}
	for _, m := range makers {
		for _, o := range s.Custom(m.group, m.kind) {
			if err := m.make(p, o); err != nil {
				unreadable(o, err)
			}
		}
	}
	p.generated(s, unreadable)
	return p
}

// copied and filled are annotations and labels by which controllers copy an object into
// other namespaces, or fill in its keys.
var (
	copied = []string{
		"reflector.v1.k8s.emberstack.com/reflection-auto-enabled", "replicator.v1.mittwald.de/replicate-to",
		"replicator.v1.mittwald.de/replicate-to-matching", "kubed.appscode.com/sync", "config-syncer.appscode.com/sync",
	}
	filled = []string{
		"replicator.v1.mittwald.de/replicate-from", "reflector.v1.k8s.emberstack.com/reflects",
		"service.beta.openshift.io/inject-cabundle", "config.openshift.io/inject-trusted-cabundle",
		"secret-generator.v1.mittwald.de/autogenerate", "cert-manager.io/inject-ca-from",
	}
)

// object adds a ConfigMap or Secret of the input. One without keys in files is a
// placeholder that a program fills in.
func (p *provided) object(s *snapshot.Snapshot, o *snapshot.Object, labels, annotations map[string]string, keys []string) {
	at := place{o.Kind, o.EffectiveNamespace(), o.Name}
	has := func(names []string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return annotations[n] != "" || labels[n] != "" })
	}
	switch {
	case has(filled) || len(keys) == 0 && !s.Cluster():
		keys = nil
	case len(keys) == 0:
		p.objects[at] = append(p.objects[at], content{from: o}) // there, and empty
		return
	case has(copied):
		p.addEverywhere(o, o.Kind, o.Name, keys...)
	}
	p.add(o, o.Kind, at.namespace, o.Name, keys...)
}

// jobs adds the Secrets that well-known set-up programs make: certificate generators
// that are told a --secret-name, and Argo CD's password for Redis.
func (p *provided) jobs(w *snapshot.Workload) {
	ns := w.EffectiveNamespace()
	pod := w.Pod()
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for _, c := range containers {
			words := slices.Concat(c.Command, c.Args)
			for i, word := range words {
				name, ok := strings.CutPrefix(word, "--secret-name=")
				if word == "--secret-name" && i+1 < len(words) {
					name, ok = words[i+1], true
				}
				if ok && !w.LongRunning() {
					p.add(w.Object, "Secret", ns, name)
				}
				if word == "redis-initial-password" {
					p.add(w.Object, "Secret", ns, "argocd-redis")
				}
			}
		}
	}
}

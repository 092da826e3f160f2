// SPDX-License-Identifier: Apache-2.0

package references

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// reference is one place of a pod that names a ConfigMap or Secret, and perhaps a key.
type reference struct {
	kind, name, key string
	container       string
	id, path        string
}

// configs judges every workload that refers to a ConfigMap or Secret. A workload whose
// references are of an unlisted kind is judged by the others, and passes by none.
func configs(p *analysis.Pass) {
	there := provide(p.Snapshot, func(o *snapshot.Object, err error) { p.Report.Error(missingConfig, o, err) })
	unknown := map[string]bool{}
	for _, w := range p.Snapshot.Workloads() {
		refs := references(w)
		if len(refs) == 0 {
			continue
		}
		var items []seaworthy.Item
		undecided := false
		for _, r := range refs {
			if p.Snapshot.Unlisted[r.kind] != "" {
				unknown[r.kind], undecided = true, true
				continue
			}
			if message := there.missing(w.Object, r); message != "" {
				items = append(items, seaworthy.Item{Key: r.id, Path: r.path, Container: r.container, Message: message})
			}
		}
		if len(items) > 0 || !undecided {
			p.Report.Judge(missingConfig, w.Object, items...)
		}
	}
	for _, kind := range []string{"ConfigMap", "Secret"} {
		if unknown[kind] {
			p.Report.NotEvaluated(missingConfig, fmt.Sprintf("references to %s objects: they could not be listed (%s)", kind, p.Snapshot.Unlisted[kind]))
		}
	}
}

// references lists what a workload's pods cannot start without.
func references(w *snapshot.Workload) []reference {
	var out []reference
	pod := w.Pod()
	for i := range pod.InitContainers {
		c := &pod.InitContainers[i]
		out = append(out, containerReferences(c, w.PodPath+".initContainers", i)...)
	}
	for i := range pod.Containers {
		c := &pod.Containers[i]
		out = append(out, containerReferences(c, w.PodPath+".containers", i)...)
	}
	for i := range pod.Volumes {
		out = append(out, volumeReferences(&pod.Volumes[i], w.PodPath, i)...)
	}
	return out
}

func containerReferences(c *corev1.Container, list string, i int) []reference {
	id, path := fmt.Sprintf("%s[%s]", list, c.Name), fmt.Sprintf("%s[%d]", list, i)
	var out []reference
	add := func(kind, name, key string, optional *bool, where, what, at string) {
		if name == "" || optional != nil && *optional {
			return
		}
		out = append(out, reference{kind, name, key, c.Name, id + where + what, path + at + what})
	}
	for k, e := range c.Env {
		if e.ValueFrom == nil {
			continue
		}
		where, at := fmt.Sprintf(".env[%s].valueFrom", e.Name), fmt.Sprintf(".env[%d].valueFrom", k)
		if r := e.ValueFrom.ConfigMapKeyRef; r != nil {
			add("ConfigMap", r.Name, r.Key, r.Optional, where, ".configMapKeyRef", at)
		}
		if r := e.ValueFrom.SecretKeyRef; r != nil {
			add("Secret", r.Name, r.Key, r.Optional, where, ".secretKeyRef", at)
		}
	}
	for k, e := range c.EnvFrom {
		at := fmt.Sprintf(".envFrom[%d]", k)
		if r := e.ConfigMapRef; r != nil {
			add("ConfigMap", r.Name, "", r.Optional, ".envFrom["+r.Name+"]", ".configMapRef", at)
		}
		if r := e.SecretRef; r != nil {
			add("Secret", r.Name, "", r.Optional, ".envFrom["+r.Name+"]", ".secretRef", at)
		}
	}
	return out
}

func volumeReferences(v *corev1.Volume, pod string, i int) []reference {
	id, path := fmt.Sprintf("%s.volumes[%s]", pod, v.Name), fmt.Sprintf("%s.volumes[%d]", pod, i)
	var out []reference
	add := func(kind, name string, optional *bool, items []corev1.KeyToPath, id, path string) {
		if name == "" || optional != nil && *optional {
			return
		}
		if len(items) == 0 {
			out = append(out, reference{kind: kind, name: name, id: id, path: path})
		}
		for k, item := range items {
			out = append(out, reference{
				kind: kind, name: name, key: item.Key,
				id: fmt.Sprintf("%s.items[%s]", id, item.Key), path: fmt.Sprintf("%s.items[%d]", path, k),
			})
		}
	}
	switch {
	case v.ConfigMap != nil:
		add("ConfigMap", v.ConfigMap.Name, v.ConfigMap.Optional, v.ConfigMap.Items, id+".configMap", path+".configMap")
	case v.Secret != nil:
		add("Secret", v.Secret.SecretName, v.Secret.Optional, v.Secret.Items, id+".secret", path+".secret")
	case v.Projected != nil:
		for k, s := range v.Projected.Sources {
			at := fmt.Sprintf("%s.projected.sources[%d]", path, k)
			if s.ConfigMap != nil {
				add("ConfigMap", s.ConfigMap.Name, s.ConfigMap.Optional, s.ConfigMap.Items, id+".projected.sources["+s.ConfigMap.Name+"].configMap", at+".configMap")
			}
			if s.Secret != nil {
				add("Secret", s.Secret.Name, s.Secret.Optional, s.Secret.Items, id+".projected.sources["+s.Secret.Name+"].secret", at+".secret")
			}
		}
	}
	return out
}

// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

// configured is told of each new configuration of the server. It must not wait.
func (a *Agent) configured(c seaworthy.AgentConfiguration) {
	a.takeConfiguration(c)
	a.rememberConfiguration(c)
}

// takeConfiguration goes by another configuration from now on.
func (a *Agent) takeConfiguration(c seaworthy.AgentConfiguration) {
	a.mu.Lock()
	was := a.server
	a.server = c
	a.mu.Unlock()
	a.teller.configure(c)
	if door := a.door.Load(); door != nil {
		a.reguard(door)
	}
	if was.Key != nil && (!bytes.Equal(was.Key, c.Key) || was.Source.Name != c.Source.Name) {
		ring(a.restart) // fingerprints and digests are others
	}
}

func (a *Agent) configurationFile() string { return filepath.Join(a.cfg.Spool, "configuration.json") }

// rememberConfiguration keeps what a start without the server needs: the waivers on this
// replica's disk, what all replicas have to agree upon in the Secret.
func (a *Agent) rememberConfiguration(c seaworthy.AgentConfiguration) {
	key := c.Key
	c.Key = nil // is kept in the Secret alone
	text, err := json.Marshal(c)
	if err == nil {
		part := a.configurationFile() + ".part"
		if err = os.WriteFile(part, text, 0o600); err == nil {
			err = os.Rename(part, a.configurationFile())
		}
	}
	if err != nil {
		a.log.Error("the configuration cannot be kept on disk", "error", err)
	}
	source, err := json.Marshal(c.Source)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = a.keepSecret(ctx, a.keySecret(), func(data map[string][]byte) (bool, error) {
			if bytes.Equal(data[digestField], key) && bytes.Equal(data[sourceField], source) {
				return false, nil
			}
			data[digestField], data[sourceField] = key, source
			return true, nil
		})
	}
	if err != nil {
		a.log.Error("the configuration cannot be kept in the Secret", "error", err)
	}
}

// rememberedConfiguration is what the server said last, as far as it is known. Without the
// waivers on disk nothing is waived until the server answers.
func (a *Agent) rememberedConfiguration(source seaworthy.DeclaredSource, key []byte) seaworthy.AgentConfiguration {
	var c seaworthy.AgentConfiguration
	text, err := os.ReadFile(a.configurationFile())
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil && !os.IsNotExist(err) {
		a.log.Error("the last configuration cannot be read", "error", err)
	}
	c.Source, c.Key = source, key
	return c
}

// guard makes a guard by what the server said.
func (a *Agent) guard() (*admission.Guard, error) {
	c := a.configuration()
	cfg := admission.Config{Default: admission.Off}
	if a.cfg.Admission != nil {
		cfg = *a.cfg.Admission
	}
	cfg.Catalogue, cfg.Target, cfg.Frameworks = a.cfg.Scan.Catalogue, a.cfg.Scan.Target, a.cfg.Scan.Frameworks
	cfg.Source = a.source()
	cfg.SourceID, cfg.Environment, cfg.Waivers, cfg.Key = c.Source.ID, string(c.Source.Environment), c.Waivers, c.Key
	cfg.Namespace, cfg.LookupNamespace, cfg.LookupParent, cfg.Now = a.cfg.Namespace, a.lookupNamespace, a.lookupParent, a.now
	cfg.Link = func(check string) string {
		return strings.TrimSuffix(a.cfg.Server, "/") + "/checks/" + url.PathEscape(check)
	}
	return admission.New(cfg)
}

// source is the cluster under the name by which the server knows it.
func (a *Agent) source() seaworthy.Source {
	s := a.cfg.Source
	if name := a.configuration().Source.Name; name != "" {
		s.Name = name
	}
	return s
}

// reguard puts a guard in place that goes by the newest configuration.
func (a *Agent) reguard(door *admission.Door) {
	g, err := a.guard()
	if err != nil {
		a.log.Error("what the server says cannot be gone by; the webhook goes by what it said before", "error", err)
		return
	}
	door.Swap(g)
	ring(a.kick)
}

// namespaceFound is a Namespace that was asked for, and when.
type namespaceFound struct {
	object map[string]any
	at     time.Time
}

// How long a Namespace that was asked for counts, and how many are kept.
const (
	namespaceFresh = 10 * time.Second
	namespacesKept = 5000
)

// lookupNamespace gives a Namespace from what is watched, or asks for it.
func (a *Agent) lookupNamespace(ctx context.Context, name string) (map[string]any, error) {
	if l := a.live.Load(); l != nil {
		if object, ok := l.Namespace(name); ok {
			return object, nil
		}
	}
	a.mu.Lock()
	found, ok := a.found[name]
	a.mu.Unlock()
	if ok && a.now().Sub(found.at).Abs() < namespaceFresh {
		return found.object, nil
	}
	object, err := a.one(ctx, "/api/v1/namespaces", name)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.found) >= namespacesKept {
		clear(a.found)
	}
	a.found[name] = namespaceFound{object, a.now()}
	return object, nil
}

// one asks for an object by its name with the right to list, which is the one that the
// agent has.
func (a *Agent) one(ctx context.Context, path, name string) (map[string]any, error) {
	var list struct {
		APIVersion string           `json:"apiVersion"`
		Kind       string           `json:"kind"`
		Items      []map[string]any `json:"items"`
	}
	_, err := a.cfg.Cluster.Do(ctx, kube.Call{
		Path: path, Params: map[string]string{"fieldSelector": "metadata.name=" + name}, Into: &list, Urgent: true, // a review waits for it
	})
	if err != nil {
		return nil, fmt.Errorf("ask the API server for %s: %w", name, err)
	}
	if len(list.Items) == 0 {
		return nil, nil
	}
	object := list.Items[0]
	object["apiVersion"], object["kind"] = list.APIVersion, strings.TrimSuffix(list.Kind, "List")
	return object, nil
}

// parents are the resources whose scale is judged, with where they are listed.
var parents = map[string]string{
	"deployments.apps": "/apis/apps/v1/namespaces/%s/deployments", "replicasets.apps": "/apis/apps/v1/namespaces/%s/replicasets",
	"statefulsets.apps": "/apis/apps/v1/namespaces/%s/statefulsets", "replicationcontrollers": "/api/v1/namespaces/%s/replicationcontrollers",
	"rollouts.argoproj.io": "/apis/argoproj.io/v1alpha1/namespaces/%s/rollouts",
}

// lookupParent gives the workload whose scale is set: from what is watched, where that is
// the version that is scaled, else as it is now.
func (a *Agent) lookupParent(ctx context.Context, resource, namespace, name, version string) (map[string]any, error) {
	path, ok := parents[resource]
	if !ok {
		return nil, nil
	}
	if l := a.live.Load(); l != nil && version != "" {
		if object, ok := l.Object(kschema.ParseGroupResource(resource).WithVersion(""), namespace, name); ok {
			if meta, _ := object["metadata"].(map[string]any); meta["resourceVersion"] == version {
				return object, nil
			}
		}
	}
	return a.one(ctx, fmt.Sprintf(path, url.PathEscape(namespace)), name)
}

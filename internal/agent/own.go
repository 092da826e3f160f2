// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

// namespaced is the path of an object of the agent's own.
func (a *Agent) namespaced(resource, name string) string {
	return "/api/v1/namespaces/" + a.cfg.Namespace + "/" + resource + "/" + name
}

// keepSecret changes what the Secret of the agent's own holds, together with the other
// replicas: whoever comes second sees what the first one wrote. Change tells whether it
// changed anything; it may be called more than once.
func (a *Agent) keepSecret(ctx context.Context, name string, change func(data map[string][]byte) (bool, error)) error {
	for range 5 {
		err := a.keepSecretOnce(ctx, name, change)
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return fmt.Errorf("keep the Secret %s: others change it all the time", name)
}

func (a *Agent) keepSecretOnce(ctx context.Context, name string, change func(data map[string][]byte) (bool, error)) error {
	s := &corev1.Secret{}
	_, err := a.cfg.Cluster.Do(ctx, kube.Call{Path: a.namespaced("secrets", name), Into: s})
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return fmt.Errorf("read the Secret %s: %w", name, err)
	}
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	changed, err := change(s.Data)
	if err != nil || !changed {
		return err
	}
	call := kube.Call{Verb: http.MethodPut, Path: a.namespaced("secrets", name), Body: s}
	s.APIVersion, s.Kind, s.Name, s.Namespace = "v1", "Secret", name, a.cfg.Namespace
	if missing {
		call.Verb, call.Path = http.MethodPost, strings.TrimSuffix(call.Path, "/"+name)
	}
	if _, err = a.cfg.Cluster.Do(ctx, call); err != nil {
		return fmt.Errorf("write the Secret %s: %w", name, err)
	}
	return nil
}

// own tells which objects make up the trail in this cluster: what is in the agent's
// namespace, and what the whole cluster has under its name.
func (a *Agent) own(o *seaworthy.ChangedObject) bool {
	if o.Namespace != "" {
		return o.Namespace == a.cfg.Namespace
	}
	return o.Kind == "Namespace" && o.Name == a.cfg.Namespace || o.Name == a.cfg.Name || strings.HasPrefix(o.Name, a.cfg.Name+"-") ||
		strings.HasPrefix(o.Name, "seaworthy") || strings.HasSuffix(o.Name, ".seaworthy.dev")
}

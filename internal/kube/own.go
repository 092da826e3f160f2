// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// Call is a request about one object of the caller's own, or about itself. Reading a whole
// cluster is not done with it.
type Call struct {
	Verb   string // GET, POST, PUT, PATCH or DELETE; empty: GET
	Path   string // "/api/v1/namespaces/x/secrets/y"
	Params map[string]string
	// Body is sent as JSON. A PATCH is a merge patch.
	Body any
	// Into takes the answer; nil: it is not needed.
	Into any
	// AuditID, when given, is what the API server's audit events will call it.
	AuditID string
	// Urgent has it not wait for its turn among the requests by which the cluster is read:
	// somebody else waits for what comes of it.
	Urgent bool
}

// Do makes a request and gives the warnings of the API server beside the answer. Its
// errors are those of the API server, for apierrors.
func (c *Cluster) Do(ctx context.Context, call Call) ([]string, error) {
	heard := &warnings{}
	r := c.rest.Verb(cmp.Or(call.Verb, http.MethodGet))
	if call.Verb == http.MethodPatch {
		r = c.rest.Patch(types.MergePatchType)
	}
	r = r.AbsPath(call.Path).WarningHandler(heard)
	for k, v := range call.Params {
		r = r.Param(k, v)
	}
	if call.Urgent {
		r = r.Throttle(nil)
	}
	if call.AuditID != "" {
		r = r.SetHeader("Audit-Id", call.AuditID)
	}
	if call.Body != nil {
		raw, err := json.Marshal(call.Body)
		if err != nil {
			return nil, fmt.Errorf("write a request: %w", err)
		}
		if call.Verb != http.MethodPatch {
			r = r.SetHeader("Content-Type", "application/json")
		}
		r = r.Body(raw)
	}
	answer := r.Do(ctx)
	raw, err := answer.Raw()
	if err != nil {
		return heard.list(), cmp.Or(answer.Error(), err)
	}
	if call.Into == nil {
		return heard.list(), nil
	}
	if err := json.Unmarshal(raw, call.Into); err != nil {
		return heard.list(), fmt.Errorf("read the answer to %s: %w", call.Path, err)
	}
	return heard.list(), nil
}

// warnings keeps what the API server warns of.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

var _ rest.WarningHandler = (*warnings)(nil)

// HandleWarningHeader is called by the client for every warning.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

func (w *warnings) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.texts)
}

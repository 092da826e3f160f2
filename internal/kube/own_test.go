// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

// TestUrgent: what somebody waits for does not wait for the turn of what reads the cluster.
func TestUrgent(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"NamespaceList","apiVersion":"v1","items":[]}`))
	}))
	t.Cleanup(s.Close)
	c, err := kube.New(&rest.Config{Host: s.URL}, "test", kube.Options{QPS: 1e-6, Burst: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	call := kube.Call{Path: "/api/v1/namespaces"}
	if _, err := c.Do(ctx, call); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(ctx, call); err == nil {
		t.Error("a second request did not wait for its turn, which comes in days")
	}
	call.Urgent = true
	for range 20 {
		if _, err := c.Do(ctx, call); err != nil {
			t.Fatalf("an urgent request waits: %v", err)
		}
	}
}

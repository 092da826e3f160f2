// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pace

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy"
)

// quiet is for how long nothing is done.
func quiet(t *testing.T) time.Duration {
	text := os.Getenv("SEAWORTHY_REST")
	if text == "" {
		return 2 * time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestSizes has the agent watch a cluster of 10,000 pods and then one of 100,000 objects:
// what its memory holds at the height and at rest, what it takes while nothing happens, and
// how soon a changed object's findings are at the server.
func TestSizes(t *testing.T) {
	w := enter(t, false)
	n := &town{c: w.client}
	scale := 1
	if text := os.Getenv("SEAWORTHY_SHRINK"); text != "" {
		var err error
		if scale, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	grow := func(apps, pods int) {
		t.Helper()
		s := n.made.Load()
		took, err := n.build(t.Context(), apps/scale, pods)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d objects, %d of them pods: the last %d made in %.0f s", n.made.Load(), n.pods.Load(), n.made.Load()-s, took.Seconds())
	}
	grow(1000, 10)
	w.watch()
	w.size("10,000 pods")
	w.findings(50)
	if err := w.agent.Stop(); err != nil {
		t.Errorf("the agent ended with %v", err)
	}
	grow(2732, 22)
	w.begin()
	w.size("100,000 objects")
	w.findings(50)
}

// size measures the agent once it has reported.
func (w *world) size(what string) {
	w.t.Helper()
	pid := w.agent.PID()
	w.t.Logf("%s: after the first report, for which the agent took %.1f s of CPU: %s", what, cpu(w.t, pid).Seconds(), memoryOf(w.t, pid))
	time.Sleep(15 * time.Second)
	s := w.shares()
	time.Sleep(quiet(w.t))
	w.t.Logf("%s: at rest %s", what, s)
	w.t.Logf("%s: at rest the agent: %s", what, memoryOf(w.t, pid))
	w.t.Logf("%s: at rest the server: %s", what, memoryOf(w.t, w.server.PID()))
}

// findings changes objects and looks how soon what is found in them is at the server.
func (w *world) findings(n int) {
	w.t.Helper()
	const place = "changing"
	_, err := w.client.CoreV1().Namespaces().Create(w.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: place}}, metav1.CreateOptions{})
	if err == nil {
		_, err = w.client.AppsV1().Deployments(place).Create(w.t.Context(), deployment("web", place, 2), metav1.CreateOptions{})
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		w.t.Fatal(err)
	}
	time.Sleep(5 * time.Second)
	var took []time.Duration
	for i := range n {
		time.Sleep(time.Duration(200+rand.IntN(800)) * time.Millisecond)
		privileged, status := i%2 == 0, "fixed"
		if privileged {
			status = "open"
		}
		// A privileged container may gain privileges: the API server wants both said.
		patch := fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":"app","securityContext":{"privileged":%t,"allowPrivilegeEscalation":%t}}]}}}}`, privileged, privileged)
		if _, err := w.client.AppsV1().Deployments(place).Patch(w.t.Context(), "web", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
			w.t.Fatal(err)
		}
		began := time.Now()
		w.shows(place, status)
		took = append(took, time.Since(began))
	}
	w.t.Logf("a changed object's finding is at the server: %s", quantiles(took))
}

// shows waits until the server says that the container is privileged, or is no more.
func (w *world) shows(place, status string) {
	w.t.Helper()
	q := url.Values{"source": {w.source.ID}, "namespace": {place}, "check": {"privileged-container"}, "status": {"open,fixed"}}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var page struct{ Items []seaworthy.TrackedFinding }
		if err := w.server.Try(http.MethodGet, "/api/v1/findings?"+q.Encode(), nil, &page); err != nil {
			w.t.Fatal(err)
		}
		if len(page.Items) == 1 && string(page.Items[0].Status) == status {
			return
		}
	}
	w.t.Fatal(errors.New("the finding is not at the server after two minutes"))
}

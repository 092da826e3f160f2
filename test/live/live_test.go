// SPDX-License-Identifier: Apache-2.0

// Package live tries internal/live on a real kube-apiserver.
package live

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/live"
	"github.com/seaworthy-dev/seaworthy/internal/output"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver"
)

// agent is what takes everything that is told, and holds what a server would hold.
type agent struct {
	*live.Live
	t       *testing.T
	cluster *kube.Cluster
	cfg     *scan.Config
	source  seaworthy.Source

	mu    sync.Mutex
	seen  []changes.Observation
	gaps  []seaworthy.AgentGap
	found map[string]seaworthy.Finding
	woke  chan struct{}
}

// patience is how long something may take that takes seconds, or where an analyzer costs much
// a minute, on a machine where nothing else runs.
const patience = 5 * time.Minute

// key keys the digests of Secrets.
var key = []byte("a key of the test")

func start(t *testing.T, s *kubeapiserver.Server) *agent {
	t.Helper()
	a := &agent{t: t, found: map[string]seaworthy.Finding{}, woke: make(chan struct{}, 1)}
	var err error
	if a.cluster, err = kube.New(s.Config, "test", kube.Options{Secrets: true}); err != nil {
		t.Fatal(err)
	}
	var problems []seaworthy.Problem
	if a.source, problems, err = a.cluster.Source(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.source.Name = "production"
	a.cfg = config(t)
	synced := make(chan struct{})
	a.Live = live.New(live.Config{
		Cluster: a.cluster, Scan: a.cfg, Source: a.source, Problems: problems, Key: key,
		Observe: a.observe, Gap: a.gap, Delta: a.delta, Synced: func() { close(synced) },
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = a.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	select {
	case <-synced:
	case <-time.After(patience):
		t.Fatalf("not synced: %+v", a.State())
	}
	return a
}

func config(t *testing.T) *scan.Config {
	t.Helper()
	catalogue, err := scan.NewCatalogue(t.Context(), scan.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := &scan.Config{Catalogue: catalogue, Tool: seaworthy.Tool{Name: "seaworthy", Version: "test"}, Target: "1.36"}
	if cfg.Controls, err = controls.List(); err != nil {
		t.Fatal(err)
	}
	if cfg.Frameworks, err = frameworks.List(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func (a *agent) wake() {
	select {
	case a.woke <- struct{}{}:
	default:
	}
}

func (a *agent) observe(o changes.Observation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, o)
	a.wake()
}

func (a *agent) gap(g seaworthy.AgentGap) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gaps = append(a.gaps, g)
	a.wake()
}

func (a *agent) delta(d seaworthy.Delta) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range d.Found {
		a.found[f.Fingerprint] = f
	}
	for _, print := range d.Gone {
		delete(a.found, print)
	}
	a.wake()
}

// report makes a whole report, which the server then holds.
func (a *agent) report() *seaworthy.Report {
	a.t.Helper()
	var b bytes.Buffer
	var report seaworthy.Report
	err := a.Report(a.t.Context(), &b, func() error {
		if err := json.Unmarshal(b.Bytes(), &report); err != nil {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		clear(a.found)
		for _, f := range report.Findings {
			a.found[f.Fingerprint] = f
		}
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return &report
}

// scan is what `seaworthy scan --cluster` reports of the same cluster.
func (a *agent) scan() *seaworthy.Report {
	a.t.Helper()
	var unlisted map[string]string
	var seen scan.Inventory
	in := seen.Watch(scan.Input{
		Source: a.source, Unlisted: func() map[string]string { return unlisted },
		Batches: func(ctx context.Context, next func(scan.Batch) error) (scan.Yield, error) {
			result, err := a.cluster.Batches(ctx, snapshot.NewDecoder(), func(b kube.Batch) error {
				return next(func(_ context.Context, emit func(*snapshot.Object) error) (scan.Yield, error) {
					problems, err := b(emit)
					return scan.Yield{Errors: problems}, err
				})
			})
			if err != nil {
				return scan.Yield{}, err
			}
			unlisted = result.Unlisted
			return scan.Yield{Errors: result.Errors, Skipped: result.Skipped}, nil
		},
	})
	format, err := output.Named("json")
	if err != nil {
		a.t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := scan.Run(a.t.Context(), *a.cfg, in, format.New(&b, output.Options{Objects: seen.Objects})); err != nil {
		a.t.Fatal(err)
	}
	var report seaworthy.Report
	if err := json.Unmarshal(b.Bytes(), &report); err != nil {
		a.t.Fatal(err)
	}
	return &report
}

// until waits until something holds of what was told.
func (a *agent) until(what string, holds func() bool) {
	a.t.Helper()
	end := time.After(patience)
	for {
		a.mu.Lock()
		ok := holds()
		a.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-a.woke:
		case <-end:
			a.t.Fatalf("it was never so: %s; state %+v", what, a.State())
		}
	}
}

// observed gives what was seen of an object.
func (a *agent) observed(kind, name string) []changes.Observation {
	var out []changes.Observation
	for _, o := range a.seen {
		if o.Object.Kind == kind && o.Object.Name == name {
			out = append(out, o)
		}
	}
	return out
}

// early gives what was seen before anybody did anything, but for what the API server makes of
// its own a while after its start.
func (a *agent) early() []changes.Observation {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(a.seen), func(o changes.Observation) bool { return o.Actor.Manager == "kube-apiserver" })
}

// finds tells whether the check finds something in the object.
func (a *agent) finds(check, name string) bool {
	for _, f := range a.found {
		if f.Check == check && f.Object.Name == name {
			return true
		}
	}
	return false
}

// differs holds what the deltas have led to against a scan.
func (a *agent) differs() string {
	a.t.Helper()
	want := map[string]string{}
	for _, f := range a.scan().Findings {
		want[f.Fingerprint] = f.Check + " " + f.Object.String() + " " + f.Message
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	got := map[string]string{}
	for print, f := range a.found {
		got[print] = f.Check + " " + f.Object.String() + " " + f.Message
	}
	return cmp.Diff(want, got)
}

func deployment(name, image string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}},
			},
		},
	}
}

func TestMain(m *testing.M) { os.Exit(m.Run()) }

// TestLive follows a cluster through changes, a restart of its API server and the loss of
// its history, and holds it to a scan at every step.
func TestLive(t *testing.T) {
	s := kubeapiserver.Start(t, "--etcd-compaction-interval=0")
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(client.AppsV1().Deployments("default").Create(ctx, deployment("web", "web:1"), metav1.CreateOptions{}))
	must(client.CoreV1().Secrets("default").Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "db"}, StringData: map[string]string{"password": "swordfish-1"},
	}, metav1.CreateOptions{}))
	a := start(t, s)
	report, scanned := a.report(), a.scan()
	if diff := cmp.Diff(withoutTimes(scanned), withoutTimes(report)); diff != "" {
		t.Errorf("the whole report differs from a scan (-scan +report):\n%s", diff)
	}
	if early := a.early(); len(report.Objects) == 0 || len(early) > 0 {
		t.Errorf("%d objects in the report, observations of what was there before: %+v", len(report.Objects), early)
	}

	began := time.Now()
	must(client.AppsV1().Deployments("default").Create(ctx, deployment("cart", "cart:latest"), metav1.CreateOptions{FieldManager: "kubectl-create"}))
	a.until("the image of cart is found", func() bool { return a.finds("image-tag-latest", "cart") || a.finds("image-not-pinned", "cart") })
	t.Logf("a new object's findings were out after %s", time.Since(began))
	created := a.observed("Deployment", "cart")
	if len(created) != 1 || created[0].Verb != seaworthy.VerbCreate || created[0].Actor.Manager != "kubectl-create" || created[0].Relisted ||
		created[0].Object.ResourceVersion == "" || created[0].Object.Content == "" || !strings.HasPrefix(created[0].ID, created[0].Object.ResourceVersion+"@") {
		t.Errorf("creating it was observed as %+v", created)
	}
	a.settle("after a Deployment was made")

	// A role that grants everything, bound: analyzers look at both.
	must(client.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "all"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}},
	}, metav1.CreateOptions{}))
	must(client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "all"}, RoleRef: rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "all"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "default", Namespace: "default"}},
	}, metav1.CreateOptions{}))
	a.until("the binding is seen", func() bool { return len(a.observed("ClusterRoleBinding", "all")) == 1 })
	a.settle("after a role was bound")

	a.secret(client)
	a.update(client)
	a.restart(s, client)
}

// settle waits until what the deltas have led to is what a scan finds.
func (a *agent) settle(step string) {
	a.t.Helper()
	diff := "nothing was compared"
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if diff = a.differs(); diff == "" {
			return
		}
	}
	a.t.Errorf("%s: what the deltas led to differs from a scan (-scan +deltas):\n%s", step, diff)
}

// secret changes a Secret: the change shows and the value does not.
func (a *agent) secret(client kubernetes.Interface) {
	a.t.Helper()
	patch := []byte(`{"stringData":{"password":"swordfish-2"}}`)
	if _, err := client.CoreV1().Secrets("default").Patch(a.t.Context(), "db", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		a.t.Fatal(err)
	}
	a.until("the Secret's change is seen", func() bool { return len(a.observed("Secret", "db")) == 1 })
	a.mu.Lock()
	defer a.mu.Unlock()
	o := a.observed("Secret", "db")[0]
	edits, _ := changes.Diff(o.Before, o.After)
	if len(edits) != 1 || edits[0].Path != "data.password" || !strings.Contains(edits[0].Before, "hmac-sha256:") || edits[0].Before == edits[0].After {
		a.t.Errorf("edits = %+v", edits)
	}
	if b, _ := json.Marshal(o); bytes.Contains(b, []byte("c3dvcmRmaXNo")) || bytes.Contains(b, []byte("swordfish")) {
		a.t.Errorf("the observation holds the value: %s", b)
	}
}

// update changes an image, writes a status, and takes the object away.
func (a *agent) update(client kubernetes.Interface) {
	a.t.Helper()
	deployments := client.AppsV1().Deployments("default")
	ctx := a.t.Context()
	d, err := deployments.Get(ctx, "cart", metav1.GetOptions{})
	if err != nil {
		a.t.Fatal(err)
	}
	d.Status.ObservedGeneration = 1
	status, err := deployments.UpdateStatus(ctx, d, metav1.UpdateOptions{})
	if err != nil {
		a.t.Fatal(err)
	}
	status.Spec.Template.Spec.Containers[0].Image = "evil:2"
	updated, err := deployments.Update(ctx, status, metav1.UpdateOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		a.t.Fatal(err)
	}
	a.until("the image's change is seen", func() bool { return len(a.observed("Deployment", "cart")) == 2 })
	o := a.observed("Deployment", "cart")[1]
	edits, _ := changes.Diff(o.Before, o.After)
	want := []seaworthy.Edit{{Path: "spec.template.spec.containers[app].image", Before: `"cart:latest"`, After: `"evil:2"`}}
	if diff := cmp.Diff(want, edits); diff != "" {
		a.t.Errorf("edits (-want +got):\n%s", diff)
	}
	if o.Verb != seaworthy.VerbUpdate || o.Object.Previous != status.ResourceVersion || !strings.HasPrefix(o.ID, updated.ResourceVersion+"@") || o.Actor.Manager != "kubectl-edit" {
		a.t.Errorf("the update was observed as %+v", o)
	}
	a.settle("after an image was changed")
	if err := deployments.Delete(ctx, "cart", metav1.DeleteOptions{}); err != nil {
		a.t.Fatal(err)
	}
	a.until("nothing is found in what is gone", func() bool { return !a.finds("image-not-pinned", "cart") })
	seen := a.observed("Deployment", "cart")
	if last := seen[len(seen)-1]; last.Verb != seaworthy.VerbDelete || last.Before == nil || last.After != nil || last.Object.UID != string(d.UID) {
		a.t.Errorf("its deletion was observed as %+v", last)
	}
	a.settle("after a Deployment was deleted")
}

// restart stops the API server for a moment; then it has everything told after all.
func (a *agent) restart(s *kubeapiserver.Server, client kubernetes.Interface) {
	a.t.Helper()
	s.Stop(a.t)
	s.StartAgain(a.t)
	for {
		_, err := client.AppsV1().Deployments("default").Create(a.t.Context(), deployment("after", "after:1"), metav1.CreateOptions{})
		if err == nil || apierrors.IsAlreadyExists(err) { // the answer may have been lost
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	a.until("what was made after the restart is seen", func() bool { return len(a.observed("Deployment", "after")) == 1 })
	a.settle("after the API server was started again")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.t.Logf("gaps: %+v", a.gaps)
	names := map[string]int{}
	for _, o := range a.seen {
		names[o.Object.Kind+"/"+o.Object.Name+" "+o.ID]++
	}
	for name, n := range names {
		if n > 1 {
			a.t.Errorf("%s was told %d times", name, n)
		}
	}
	a.t.Logf("observed: %v", slices.Sorted(maps.Keys(names)))
}

// withoutTimes leaves out what differs between two reports of the same.
func withoutTimes(r *seaworthy.Report) *seaworthy.Report {
	out := *r
	out.Source.Started, out.Finished = time.Time{}, time.Time{}
	return &out
}

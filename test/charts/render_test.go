// SPDX-License-Identifier: Apache-2.0

package charts_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const (
	folder    = "../../deploy/charts"
	namespace = "seaworthy"
)

// cases gives the values files of a chart.
func cases(t *testing.T, chart string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", chart, "*.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("testdata/%s has %d values files: %v", chart, len(files), err)
	}
	return files
}

func options(chart, values string, set ...string) manifest.Options {
	o := manifest.Options{ReleaseName: chart, Namespace: namespace, KubernetesVersion: "1.36", Set: set}
	if values != "" {
		o.ValuesFiles = []string{values}
	}
	return o
}

// render gives the objects of a chart as they would be applied.
func render(t *testing.T, chart, values string, set ...string) []*unstructured.Unstructured {
	t.Helper()
	out, err := manifest.Template(os.DirFS(filepath.Join(folder, chart)), options(chart, values, set...))
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out)
}

func decode(t *testing.T, text []byte) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		doc, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		o := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(doc, &o.Object); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if len(o.Object) > 0 {
			out = append(out, o)
		}
	}
}

// one finds the object of a kind by its name.
func one(t *testing.T, objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	at := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == kind && o.GetName() == name })
	if at < 0 {
		t.Fatalf("no %s %s is rendered", kind, name)
	}
	return objects[at]
}

// Each chart with each of its values files is clean under our own scan, of which nothing is
// waived: of severity medium or above it finds what the values ask for, and no more. The
// Pods always pass the restricted profile of Pod Security.
func TestScanFindsWhatWasAskedFor(t *testing.T) {
	const (
		webhook  = "rbac-webhook-config"       // admission: it keeps a webhook in place
		secrets  = "rbac-secrets-read"         // secrets.enabled
		entrance = "internet-exposed-workload" // ingress.enabled
		wildcard = "rbac-wildcard-any"         // custom resources that come with others, such as Gatekeeper's constraints
	)
	for chart, asked := range map[string]map[string][]string{
		"seaworthy": {
			"sqlite.yaml":     {"rolling-update-missing", "single-replica"}, // SQLite has one writer, which stops to be replaced
			"postgresql.yaml": {entrance}, "tls.yaml": nil,
		},
		"seaworthy-agent": {"least.yaml": {webhook, wildcard}, "most.yaml": {secrets, webhook, wildcard}, "watch-only.yaml": {wildcard}},
	} {
		for _, values := range cases(t, chart) {
			t.Run(chart+"/"+filepath.Base(values), func(t *testing.T) {
				o := options(chart, values)
				o.Paths = []string{filepath.Join(folder, chart), "testdata/secrets.yaml"}
				got := judge(t, o)
				if diff := cmp.Diff(asked[filepath.Base(values)], got.checks()); diff != "" {
					t.Errorf("findings (-want +got):\n%s\n%s", diff, strings.Join(got.found, "\n"))
				}
				if got.objects < 6 || got.judged < 50 {
					t.Errorf("%d objects, %d checks that found something to judge: too few to mean anything", got.objects, got.judged)
				}
			})
		}
	}
}

// judged is what a scan says.
type judged struct {
	found   []string // medium and above
	ids     []string
	objects int
	judged  int
	errors  []seaworthy.Problem
}

func (j *judged) checks() []string {
	slices.Sort(j.ids)
	return slices.Compact(j.ids)
}

func (j *judged) Start(*seaworthy.Header, []seaworthy.Check) error { return nil }
func (j *judged) Pass(*seaworthy.Pass) error                       { return nil }

func (j *judged) Finding(f *seaworthy.Finding) error {
	if f.Severity.AtLeast(seaworthy.Medium) {
		j.ids = append(j.ids, f.Check)
		j.found = append(j.found, f.Check+" "+f.Object.String()+": "+f.Message)
	}
	return nil
}

func (j *judged) End(tr *seaworthy.Trailer) error {
	j.objects, j.errors = tr.Summary.Objects, tr.Errors
	for _, c := range tr.Checks {
		if c.Passed > 0 {
			j.judged++
		}
	}
	return nil
}

func judge(t *testing.T, o manifest.Options) *judged {
	t.Helper()
	catalogue, err := scan.NewCatalogue(t.Context(), scan.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := manifest.NewPlan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	out := &judged{}
	source := seaworthy.Source{Kind: seaworthy.SourceFiles, Name: "charts", KubernetesVersion: "1.36"}
	if _, err := scan.Run(t.Context(), scan.Config{Catalogue: catalogue, Target: "1.36"}, scan.Files(source, plan, snapshot.NewDecoder()), out); err != nil {
		t.Fatal(err)
	}
	for _, p := range out.errors {
		t.Errorf("%s:%d %s", p.File, p.Line, p.Message)
	}
	return out
}

// What is rendered are the objects that the API server knows, without a field that it does
// not, and all that can be carries the labels by which it is found.
func TestRenderedObjectsAreStrict(t *testing.T) {
	strict := runtime.NewScheme()
	if err := scheme.AddToScheme(strict); err != nil {
		t.Fatal(err)
	}
	for _, chart := range []string{"seaworthy", "seaworthy-agent"} {
		for _, values := range cases(t, chart) {
			for _, o := range render(t, chart, values) {
				if o.GetLabels()["app.kubernetes.io/instance"] != chart || o.GetLabels()["helm.sh/chart"] != chart+"-0.1.0" {
					t.Errorf("%s: %s %s has the labels %v", values, o.GetKind(), o.GetName(), o.GetLabels())
				}
				if strict.Recognizes(o.GroupVersionKind()) {
					known, err := strict.New(o.GroupVersionKind())
					if err != nil {
						t.Fatal(err)
					}
					if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, known, true); err != nil {
						t.Errorf("%s: %s %s: %v", values, o.GetKind(), o.GetName(), err)
					}
				} else if g := o.GroupVersionKind().Group; g != "monitoring.coreos.com" && g != "cert-manager.io" {
					t.Errorf("%s renders %s, which no API server knows", values, o.GroupVersionKind())
				}
			}
		}
	}
}

func convert[T any](t *testing.T, o *unstructured.Unstructured) *T {
	t.Helper()
	out := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// On OpenShift users and groups are the namespace's; elsewhere they are the image's.
func TestOpenShiftChoosesUsers(t *testing.T) {
	for _, chart := range []string{"seaworthy", "seaworthy-agent"} {
		for openshift, user := range map[string]int64{"true": 0, "false": 65532, "auto": 65532} {
			objects := render(t, chart, cases(t, chart)[0], "openshift="+openshift)
			pod := convert[appsv1.Deployment](t, one(t, objects, "Deployment", chart)).Spec.Template.Spec
			if c := pod.SecurityContext; (c.RunAsUser == nil) != (user == 0) || c.RunAsUser != nil && *c.RunAsUser != user || (c.FSGroup == nil) != (user == 0) || !*c.RunAsNonRoot {
				t.Errorf("%s, openshift %s: %+v", chart, openshift, c)
			}
		}
	}
}

// Secrets reach the program as files; none is in the environment, on the command line or in
// a ConfigMap.
func TestSecretsAreFiles(t *testing.T) {
	objects := render(t, "seaworthy", "testdata/seaworthy/postgresql.yaml")
	pod := convert[appsv1.Deployment](t, one(t, objects, "Deployment", "seaworthy")).Spec.Template.Spec
	mounted := map[string]string{}
	for _, v := range pod.Volumes {
		if v.Secret != nil {
			mounted[v.Name] = v.Secret.SecretName
		}
	}
	want := map[string]string{"database": "seaworthy-database", "keys": "seaworthy-keys", "sign-on": "seaworthy-sign-on", "s3": "seaworthy-s3", "timestamps": "seaworthy-tsa"}
	if diff := cmp.Diff(want, mounted); diff != "" {
		t.Errorf("Secrets (-want +got):\n%s", diff)
	}
	args := pod.Containers[0].Args
	for _, arg := range []string{
		"--database-file=/run/seaworthy/database/url", "--log-key=/run/seaworthy/keys/log.key", "--secret-key=/run/seaworthy/keys/secret.key",
		"--oidc-client-secret-file=/run/seaworthy/sign-on/clientSecret", "--oidc-role=Cloud Security=compliance-manager", "--oidc-team=Shop Engineers=shop",
		"--tsa-cert=/run/seaworthy/timestamps/tls.crt", "--trusted-proxy=10.0.0.0/8",
	} {
		if !slices.Contains(args, arg) {
			t.Errorf("the server is not started with %s but with %v", arg, args)
		}
	}
	for _, e := range pod.Containers[0].Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			t.Errorf("the environment holds a Secret: %+v", e)
		}
	}
}

// The spool of each replica outlives its pod where it is on a volume.
func TestSpoolOnVolumes(t *testing.T) {
	objects := render(t, "seaworthy-agent", "testdata/seaworthy-agent/most.yaml")
	set := convert[appsv1.StatefulSet](t, one(t, objects, "StatefulSet", "seaworthy-agent"))
	claims := set.Spec.VolumeClaimTemplates
	if len(claims) != 1 || claims[0].Name != "spool" || claims[0].Spec.Resources.Requests.Storage().String() != "10Gi" || *claims[0].Spec.StorageClassName != "fast" {
		t.Errorf("claims = %+v", claims)
	}
	mounts := set.Spec.Template.Spec.Containers[0].VolumeMounts
	if !slices.ContainsFunc(mounts, func(m corev1.VolumeMount) bool { return m.Name == "spool" && m.MountPath == "/var/lib/seaworthy" }) {
		t.Errorf("the spool is not mounted: %+v", mounts)
	}
	if slices.ContainsFunc(set.Spec.Template.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == "spool" }) {
		t.Error("the spool is a volume of the pod and a claim at once")
	}
}

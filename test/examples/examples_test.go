// SPDX-License-Identifier: Apache-2.0

// Package examples_test holds the example company to what its README says: all of it is
// what a real API server accepts, save the objects that are broken on purpose, and its
// good half passes the restricted Pod Security Standard.
package examples_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver"
)

func TestAPIServerAcceptsTheShop(t *testing.T) {
	for _, tc := range []struct {
		cluster string
		// Broken on purpose: the object, and part of what the server says to it.
		refused, warned map[string]string
	}{
		{
			cluster: "production",
			refused: map[string]string{"PodDisruptionBudget warehouse/label-printer": "no such API"},
			warned: map[string]string{
				"Endpoints warehouse/erp":         "deprecated",
				"Deployment marketing/newsletter": `hides previous definition of "SMTP_HOST"`,
			},
		},
		{
			cluster: "staging",
			refused: map[string]string{
				"HorizontalPodAutoscaler shop/catalog": "no such API",
				"Deployment shop/orders":               `unknown field "spec.template.spec.containers[0].livenesProbe"`,
			},
		},
	} {
		t.Run(tc.cluster, func(t *testing.T) {
			s := newServer(t)
			objects := everything(t, tc.cluster)
			order(objects)
			for _, o := range objects {
				s.create(o)
			}
			t.Logf("%d objects: %d accepted, %d refused, %d custom resources that this server does not know",
				len(objects), s.accepted, len(s.refused), len(s.unknown))
			expect(t, "refuses", tc.refused, s.refused)
			expect(t, "warns of", tc.warned, s.warned)
		})
	}
}

// expect compares what the server said with what the example means to provoke.
func expect(t *testing.T, verb string, want, got map[string]string) {
	t.Helper()
	for object, text := range got {
		if part, ok := want[object]; !ok || !strings.Contains(text, part) {
			t.Errorf("the server %s %s: %s; want %q", verb, object, text, part)
		}
	}
	for object, part := range want {
		if _, ok := got[object]; !ok {
			t.Errorf("the server says nothing about %s, want %q", object, part)
		}
	}
}

// server is an API server and what it said to each object.
type server struct {
	t         *testing.T
	objects   *dynamic.DynamicClient
	clientset *kubernetes.Clientset
	mapper    meta.RESTMapper
	said      warnings

	accepted        int
	refused, warned map[string]string
	unknown         []string
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, refused: map[string]string{}, warned: map[string]string{}}
	config := rest.CopyConfig(kubeapiserver.Start(t).Config)
	config.WarningHandler = &s.said
	var err error
	if s.objects, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	if s.clientset, err = kubernetes.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	groups, err := restmapper.GetAPIGroupResources(s.clientset.Discovery())
	if err != nil {
		t.Fatal(err)
	}
	s.mapper = restmapper.NewDiscoveryRESTMapper(groups)
	s.account("default")
	return s
}

// account makes what the controllers of a real cluster make in every namespace, and
// without which no Pod is admitted.
func (s *server) account(namespace string) {
	s.t.Helper()
	a := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := s.clientset.CoreV1().ServiceAccounts(namespace).Create(s.t.Context(), a, metav1.CreateOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

// create offers the object to the server with strict field validation. Only what decides
// about later objects is kept; for all else it is a dry-run.
func (s *server) create(o *unstructured.Unstructured) {
	s.t.Helper()
	title := o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
	gvk := o.GroupVersionKind()
	mapping, err := s.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		if custom(gvk.Group) {
			s.unknown = append(s.unknown, title)
		} else {
			s.refused[title] = "no such API: " + gvk.String()
		}
		return
	}
	options := metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}
	if rank(o) == last {
		options.DryRun = []string{metav1.DryRunAll}
	}
	var client dynamic.ResourceInterface = s.objects.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		client = s.objects.Resource(mapping.Resource).Namespace(o.GetNamespace())
	}
	_, err = client.Create(s.t.Context(), o, options)
	if said := s.said.take(); len(said) > 0 {
		s.warned[title] = strings.Join(said, "; ")
	}
	if err != nil {
		s.refused[title] = err.Error()
		return
	}
	s.accepted++
	if gvk.Kind == "Namespace" {
		s.account(o.GetName())
	}
}

// custom tells whether a group is not Kubernetes' own.
func custom(group string) bool {
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
}

// warnings keeps what the server warned of.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader is called by the client for every warning of a response.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

// take returns the warnings since it was last called.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	texts := w.texts
	w.texts = nil
	return texts
}

// The waivers are well-formed, one is over, and the rest of them will hold for years.
func TestWaivers(t *testing.T) {
	b, err := os.ReadFile(shop + "/waivers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Waivers []seaworthy.Waiver `json:"waivers"`
	}
	if err := yaml.UnmarshalStrict(b, &file); err != nil {
		t.Fatal(err)
	}
	var over []string
	for _, w := range file.Waivers {
		if err := w.Validate(); err != nil {
			t.Error(err)
		}
		if w.Expires.Over(time.Now()) {
			over = append(over, w.Check)
		}
	}
	if want := []string{"container-socket-mount"}; !slices.Equal(over, want) {
		t.Errorf("waivers that are over: %v, want %v of %d", over, want, len(file.Waivers))
	}
}

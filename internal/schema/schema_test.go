// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/test/others"
)

// reference is the slow way that the API machinery takes: into the Go type and back.
func reference(t *testing.T, written map[string]any, into runtime.Object) map[string]any {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(written, into); err != nil {
		t.Skipf("not convertible: %v", err)
	}
	out, err := runtime.DefaultUnstructuredConverter.ToUnstructured(into)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func load(t *testing.T, doc string) map[string]any {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(doc))
	if err != nil {
		t.Skipf("not YAML: %v", err)
	}
	var m map[string]any
	if kjson.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}

func TestCanonicalEqualsTheConverter(t *testing.T) {
	table, n := New(), 0
	err := filepath.WalkDir(others.Need(t, "corpus"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, doc := range strings.Split(string(raw), "\n---") {
			t.Run(e.Name(), func(t *testing.T) { n += compare(t, table, load(t, doc)) })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 500 {
		t.Errorf("only %d objects compared", n)
	}
	t.Logf("%d objects compared", n)
}

func compare(t *testing.T, table *Table, written map[string]any) int {
	t.Helper()
	if written == nil {
		return 0
	}
	d, err := table.Decode(written)
	if err != nil || d.Typed == nil || d.Replaced {
		return 0
	}
	w := &walker{}
	got, _ := w.walk(written, table.shapes.of(reflect.TypeOf(d.Typed).Elem()))
	fresh, _ := typeOf(d.GVK)
	want := reference(t, written, fresh)
	if len(w.problems) > 0 {
		return 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s %s (-converter +walk):\n%s", d.GVK.Kind, written["metadata"], diff)
	}
	converted, _ := typeOf(d.GVK)
	reference(t, d.Canonical, converted)
	if crd, ok := converted.(*apiextensionsv1.CustomResourceDefinition); ok {
		for i := range crd.Spec.Versions {
			crd.Spec.Versions[i].Schema = nil
		}
	}
	if m, ok := converted.(metav1.Object); ok && written["metadata"].(map[string]any)["namespace"] == nil {
		m.SetNamespace("") // is set once the object is typed
	}
	if !reflect.DeepEqual(converted, d.Typed) {
		t.Errorf("%s %s is typed otherwise (-converter +ours):\n%s", d.GVK.Kind, written["metadata"], cmp.Diff(converted, d.Typed))
	}
	return 1
}

// TestCanonicalOfRandomObjects fills built-in types with random values.
func TestCanonicalOfRandomObjects(t *testing.T) {
	table, rnd := New(), rand.New(rand.NewPCG(1, 2))
	for gvk := range scheme.Scheme.AllKnownTypes() {
		typed, err := scheme.Scheme.New(gvk)
		if err != nil || replaced[gvk.GroupVersion().String()+"/"+gvk.Kind] != "" || strings.HasSuffix(gvk.Kind, "List") || strings.HasSuffix(gvk.Kind, "Options") {
			continue
		}
		for range 5 {
			o := reflect.New(reflect.TypeOf(typed).Elem())
			fill(rnd, o.Elem(), 0)
			written, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o.Interface())
			if err != nil {
				continue
			}
			w := &walker{}
			got, _ := w.walk(written, table.shapes.of(reflect.TypeOf(typed).Elem()))
			fresh, _ := scheme.Scheme.New(gvk)
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(written, fresh); err != nil {
				continue
			}
			want, _ := runtime.DefaultUnstructuredConverter.ToUnstructured(fresh)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-converter +walk):\n%s%v", gvk, diff, w.problems)
				break
			}
			ours, _ := scheme.Scheme.New(gvk)
			if err := table.shapes.of(reflect.TypeOf(typed).Elem()).assign(reflect.ValueOf(ours).Elem(), got); err != nil {
				t.Errorf("%s: %v", gvk, err)
			} else if !reflect.DeepEqual(fresh, ours) {
				t.Errorf("%s is typed otherwise (-converter +ours):\n%s", gvk, cmp.Diff(fresh, ours))
			}
		}
	}
}

func fill(rnd *rand.Rand, v reflect.Value, depth int) {
	if depth > 6 || rnd.IntN(3) == 0 {
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *resource.Quantity:
		*p = resource.MustParse([]string{"0", "100m", "1.5Gi", "2e3", "12345678901234567890"}[rnd.IntN(5)])
	case *intstr.IntOrString:
		*p = []intstr.IntOrString{intstr.FromInt32(80), intstr.FromString("http"), intstr.FromString("")}[rnd.IntN(3)]
	case *metav1.Time:
		*p = metav1.Unix(int64(rnd.IntN(1<<30)), 0)
	case *metav1.MicroTime:
		*p = metav1.NewMicroTime(time.UnixMicro(int64(rnd.IntN(1 << 40))))
	case *metav1.Duration:
		p.Duration = time.Duration(rnd.IntN(1 << 40))
	case *metav1.FieldsV1:
		p.SetRawBytes([]byte(`{"f:a":{}}`))
	case *runtime.RawExtension:
		p.Raw = []byte(`{"a":[1,"b"]}`)
	case *[]byte:
		*p = [][]byte{nil, {}, []byte("data")}[rnd.IntN(3)]
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if _, ok := leaves[v.Type()]; ok || reflect.PointerTo(v.Type()).Implements(unmarshaler) {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(rnd, v.Field(i), depth+1)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(rnd, v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rnd.IntN(3), 3))
		for i := range v.Len() {
			fill(rnd, v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rnd.IntN(3) {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(rnd, k, 0)
			fill(rnd, e, depth+1)
			if k.Kind() == reflect.String {
				v.SetMapIndex(k, e)
			}
		}
	case reflect.String:
		v.SetString([]string{"", "a", "b.c", "1"}[rnd.IntN(4)])
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(int64(rnd.IntN(3)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat([]float64{0, 1, 2.5}[rnd.IntN(3)])
	}
}

func TestStrictDecoding(t *testing.T) {
	const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, annotations: {a.b/c: 1}}
spec:
  replica: 3
  replicas: "three"
  template:
    spec:
      containers:
      - {name: app, image: app:1, ports: [{containerPort: eighty}], securitycontext: {}}
      - {name: other, image: other:1, resources: {limits: {memory: lots}}}
`
	d, err := New().Decode(load(t, deployment))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range d.Problems {
		got[p.Path] = p.Message
	}
	want := map[string]string{
		`metadata.annotations["a.b/c"]`: `invalid value: a string is wanted, not the number 1; quote it`,
		"spec.replica":                  `unknown field "spec.replica" (did you mean "replicas"?)`,
		"spec.replicas":                 `invalid value: a whole number is wanted, not the string "three"`,
		"spec.template.spec.containers[0].ports[0].containerPort":  `invalid value: a whole number is wanted, not the string "eighty"`,
		"spec.template.spec.containers[0].securitycontext":         `unknown field "spec.template.spec.containers[0].securitycontext" (did you mean "securityContext"?)`,
		"spec.template.spec.containers[1].resources.limits.memory": `invalid value: "lots" is not a quantity (such as 500m or 1Gi)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if n := len(d.Canonical["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)); n != 2 {
		t.Errorf("%d containers are left to judge, want 2", n)
	}
}

func TestReplacedVersions(t *testing.T) {
	d, err := New().Decode(load(t, `
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: web}
spec:
  backend: {serviceName: fallback, servicePort: http}
  rules: [{host: a.example, http: {paths: [{backend: {serviceName: web, servicePort: 80}}]}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	if !d.Replaced || d.GVK.Version != "v1" || len(d.Problems) > 0 {
		t.Errorf("Replaced %v, judged as %v, problems %v", d.Replaced, d.GVK, d.Problems)
	}
	got, _ := json.Marshal(d.Canonical["spec"])
	want := `{"defaultBackend":{"service":{"name":"fallback","port":{"name":"http"}}},"rules":[{"host":"a.example","http":{"paths":[{"backend":{"service":{"name":"web","port":{"number":80}}},"pathType":"ImplementationSpecific"}]}}]}`
	if string(got) != want {
		t.Errorf("spec = %s, want %s", got, want)
	}
}

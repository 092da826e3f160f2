// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"reflect"
	"strings"
	"unique"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// remains are what stays of a released object, packed: large inputs have many objects,
// whose types are mostly empty fields, and what holds no pointer costs the collector of
// garbage nothing. It is unpacked anew whenever an analyzer looks.
type remains struct {
	// typ is the built-in type that is in data, as the API server stores it.
	typ  reflect.Type
	data []byte
	// tree is the content of a custom resource.
	tree string
	// workload is set for what runs pods; pod is the spec of these, which data lacks.
	workload *Workload
	pod      []byte
}

// stored is what the built-in types share: a form for storage.
type stored interface {
	Size() int
	MarshalToSizedBuffer([]byte) (int, error)
	Unmarshal([]byte) error
}

// Release drops what only the single-object checks need, so that memory follows the
// compact index and not the input. The content of a custom resource stays, since
// analyzers have nothing else to read; that of a CustomResourceDefinition, which is
// large and which none reads, does not.
func (o *Object) Release() {
	if o.remains != nil {
		return
	}
	o.slim()
	o.Written, o.Source.Node = nil, nil
	o.own()
	r, err := o.pack()
	if err != nil { // what cannot be packed is kept as it is
		return
	}
	o.remains = r
	o.Canonical, o.Typed, o.Template = nil, nil, nil
}

func (o *Object) pack() (*remains, error) {
	r := &remains{workload: workload(o)}
	var err error
	if w := r.workload; w != nil {
		w.PodMeta.Labels, w.PodMeta.Annotations = ownMap(w.PodMeta.Labels), ownMap(w.PodMeta.Annotations)
		w.ServiceAccount = strings.Clone(w.ServiceAccount)
		pod := w.Pod()
		if o.Typed == nil {
			slimPod(pod)
		}
		if r.pod, err = store(pod); err != nil {
			return nil, err
		}
		whole := *pod
		*pod = corev1.PodSpec{}
		defer func() { *pod = whole }()
	}
	switch s, ok := o.Typed.(stored); {
	case ok:
		r.typ = reflect.TypeOf(o.Typed).Elem()
		if r.data, err = store(s); err != nil {
			return nil, err
		}
	case o.Typed != nil:
		return nil, fmt.Errorf("%T has no form for storage", o.Typed)
	case o.Kind != "CustomResourceDefinition" && o.Canonical != nil:
		SlimReport(o.Canonical)
		r.tree = string(pack(nil, o.Canonical))
	}
	return r, nil
}

func store(s stored) ([]byte, error) {
	data := make([]byte, s.Size())
	n, err := s.MarshalToSizedBuffer(data)
	return data[len(data)-n:], err
}

// BuiltIn tells whether the object is of a built-in type.
func (o *Object) BuiltIn() bool {
	return o.Typed != nil || o.remains != nil && o.remains.typ != nil
}

// View gives the object as its built-in type, after defaulting; nil for custom
// resources. Once the object is released each call makes one anew, without what no
// analyzer reads and without apiVersion and kind. It must not be changed.
func (o *Object) View() runtime.Object {
	if o.Typed != nil || !o.BuiltIn() {
		return o.Typed
	}
	v := reflect.New(o.remains.typ).Interface().(runtime.Object)
	restore(v.(stored), o.remains.data)
	if o.remains.workload != nil {
		_, pod, _ := template(v)
		restore(pod, o.remains.pod)
	}
	return v
}

// restore reads what store has written.
func restore(s stored, data []byte) {
	if err := s.Unmarshal(data); err != nil {
		panic(fmt.Sprintf("%T cannot be read from its stored form: %v", s, err))
	}
}

// Content gives a custom resource as a policy sees it, and nil for built-in types that
// have been released. It must not be changed.
func (o *Object) Content() map[string]any {
	if o.Canonical != nil || o.remains == nil || o.remains.tree == "" {
		return o.Canonical
	}
	u := unpacker{o.remains.tree}
	content, _ := u.value().(map[string]any)
	return content
}

// own gives the object strings of its own. Those of an object that was parsed may be
// parts of its file's text, and one kept part keeps the whole.
func (o *Object) own() {
	o.Name = strings.Clone(o.Name)
	for _, s := range []*string{&o.APIVersion, &o.Kind, &o.Namespace, &o.Resource.Group, &o.Resource.Version, &o.Resource.Resource} {
		*s = shared(*s)
	}
	for i := range o.Schema {
		p := &o.Schema[i]
		p.Path, p.Message = strings.Clone(p.Path), strings.Clone(p.Message)
	}
}

// shared gives a copy of a string that objects have in common.
func shared(s string) string { return unique.Make(s).Value() }

func ownMap(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[shared(k)] = strings.Clone(v)
	}
	return out
}

// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// shape is what JSON of a Go type looks like: the table that canonical walks by.
type shape struct {
	kind     shapeKind
	fields   map[string]*field // of a structure, inlined ones included
	always   []*field          // of those, the ones that are written even when empty
	elem     *shape            // of a list, map or pointer
	other    *shape            // of a union: what it may be beside elem
	min, max int64             // of an integer
	// leaf reads and rewrites a scalar with a JSON form of its own (Quantity, Time).
	leaf func(any) (any, error)
	goes reflect.Type
}

type shapeKind uint8

const (
	anything shapeKind = iota
	structure
	list
	mapping
	pointer
	text
	boolean
	integer
	float
	bytes
	leaf
	union
)

type field struct {
	name      string
	index     []int // where it is in the Go type
	shape     *shape
	omitEmpty bool
	omitZero  bool
}

// shapes computes each type's shape once. Safe for concurrent use.
type shapes struct {
	mu   sync.Mutex
	byGo map[reflect.Type]*shape
}

func (s *shapes) of(t reflect.Type) *shape {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.locked(t)
}

func (s *shapes) locked(t reflect.Type) *shape {
	if sh, ok := s.byGo[t]; ok {
		return sh
	}
	sh := &shape{goes: t}
	s.byGo[t] = sh // before the fields, for types that hold themselves
	if f, ok := leaves[t]; ok {
		sh.kind, sh.leaf = leaf, f
		return sh
	}
	if other, ok := unions[t]; ok {
		sh.kind, sh.elem, sh.other = union, s.locked(schemaType), s.locked(other)
		return sh
	}
	switch t.Kind() {
	case reflect.Struct:
		if reflect.PointerTo(t).Implements(unmarshaler) {
			sh.kind, sh.leaf = leaf, throughJSON(t)
			return sh
		}
		sh.kind, sh.fields = structure, map[string]*field{}
		s.addFields(sh, t, nil)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			sh.kind = bytes
			return sh
		}
		sh.kind, sh.elem = list, s.locked(t.Elem())
	case reflect.Map:
		sh.kind, sh.elem = mapping, s.locked(t.Elem())
	case reflect.Pointer:
		sh.kind, sh.elem = pointer, s.locked(t.Elem())
	case reflect.String:
		sh.kind = text
	case reflect.Bool:
		sh.kind = boolean
	case reflect.Int32:
		sh.kind, sh.min, sh.max = integer, math.MinInt32, math.MaxInt32
	case reflect.Int, reflect.Int64:
		sh.kind, sh.min, sh.max = integer, math.MinInt64, math.MaxInt64
	case reflect.Int8, reflect.Int16, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		sh.kind, sh.min, sh.max = integer, math.MinInt64, math.MaxInt64
	case reflect.Float32, reflect.Float64:
		sh.kind = float
	}
	return sh
}

func (s *shapes) addFields(sh *shape, t reflect.Type, at []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(at[:len(at):len(at)], i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
			continue
		case name == "" && f.Anonymous:
			ft := f.Type
			if ft.Kind() == reflect.Pointer {
				ft = ft.Elem()
			}
			s.addFields(sh, ft, index)
			continue
		case name == "":
			name = f.Name
		}
		fd := &field{name: name, index: index, shape: s.locked(f.Type)}
		for o := range strings.SplitSeq(options, ",") {
			fd.omitEmpty = fd.omitEmpty || o == "omitempty"
			fd.omitZero = fd.omitZero || o == "omitzero"
		}
		sh.fields[name] = fd
		// A structure is never empty, so omitempty alone writes it.
		if !fd.omitZero && (!fd.omitEmpty || fd.shape.goes.Kind() == reflect.Struct) {
			sh.always = append(sh.always, fd)
		}
	}
}

// zero is the canonical form of a type's zero value.
func (s *shape) zero() any {
	switch s.kind {
	case structure:
		out := make(map[string]any, len(s.always))
		for _, f := range s.always {
			out[f.name] = f.shape.zero()
		}
		return out
	case text:
		return ""
	case boolean:
		return false
	case integer:
		return int64(0)
	case float:
		return float64(0)
	case leaf:
		return leafZero(s.goes)
	}
	return nil
}

func leafZero(t reflect.Type) any {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "V", Type: t, Tag: `json:"v"`},
	})).Interface())
	if err != nil {
		return nil
	}
	return m["v"]
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// leaves are the scalars of Kubernetes' types with a JSON form of their own.
var leaves = map[reflect.Type]func(any) (any, error){
	reflect.TypeFor[resource.Quantity]():    quantity,
	reflect.TypeFor[metav1.Time]():          instant(time.RFC3339),
	reflect.TypeFor[metav1.MicroTime]():     instant(metav1.RFC3339Micro),
	reflect.TypeFor[metav1.Duration]():      duration,
	reflect.TypeFor[intstr.IntOrString]():   intOrString,
	reflect.TypeFor[metav1.FieldsV1]():      asIs,
	reflect.TypeFor[runtime.RawExtension](): asIs,
	reflect.TypeFor[apiextensionsv1.JSON](): plain,
}

func asIs(v any) (any, error) { return v, nil }

func quantity(v any) (any, error) {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case int64:
		s = strconv.FormatInt(v, 10)
	case float64:
		s = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return nil, fmt.Errorf("a quantity is wanted (such as 500m or 1Gi), not %s", nameOf(v))
	}
	if canonicalQuantity(s) {
		return s, nil
	}
	q, err := resource.ParseQuantity(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not a quantity (such as 500m or 1Gi)", s)
	}
	return q.String(), nil
}

// canonicalQuantity spots the everyday forms that are canonical as they stand, so that
// they need no parsing: up to three digits without a leading zero, and a suffix.
func canonicalQuantity(s string) bool {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n == 0 || n > 3 || s[0] == '0' {
		return false
	}
	switch s[n:] {
	case "", "m", "Ki", "Mi", "Gi", "Ti":
		return true
	}
	return false
}

func instant(layout string) func(any) (any, error) {
	return func(v any) (any, error) {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("a time is wanted (RFC 3339), not %s", nameOf(v))
		}
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return nil, fmt.Errorf("%q is not a time of RFC 3339", s)
		}
		return t.UTC().Format(layout), nil
	}
}

func duration(v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("a duration is wanted (such as 30s), not %s", nameOf(v))
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not a duration (such as 30s)", s)
	}
	return d.String(), nil
}

func intOrString(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int64:
		if v < math.MinInt32 || v > math.MaxInt32 {
			return nil, fmt.Errorf("%d is out of range", v)
		}
		return v, nil
	}
	return nil, fmt.Errorf("an integer or a string is wanted, not %s", nameOf(v))
}

// throughJSON serves the few types with an unmarshaler that are not listed above.
func throughJSON(t reflect.Type) func(any) (any, error) {
	return func(v any) (any, error) {
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		p := reflect.New(t)
		if err := json.Unmarshal(raw, p.Interface()); err != nil {
			return nil, err
		}
		out, err := json.Marshal(p.Interface())
		if err != nil {
			return nil, err
		}
		var back any
		if err := json.Unmarshal(out, &back); err != nil {
			return nil, err
		}
		return integers(back), nil
	}
}

// integers turns whole numbers, which encoding/json reads as float64, into int64.
func integers(v any) any {
	switch v := v.(type) {
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = integers(v[k])
		}
	}
	return v
}

func validBase64(s string) bool {
	_, err := base64.StdEncoding.DecodeString(s)
	return err == nil
}

// nameOf says what a JSON value is, for messages.
func nameOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		if len(v) > 40 {
			v = v[:40] + "…"
		}
		return "the string " + strconv.Quote(v)
	case bool:
		return "the boolean " + strconv.FormatBool(v)
	case int64:
		return "the number " + strconv.FormatInt(v, 10)
	case float64:
		return "the number " + strconv.FormatFloat(v, 'g', -1, 64)
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return fmt.Sprintf("a %T", v)
}

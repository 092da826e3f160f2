// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// assign sets a zero value of the shape's Go type to its canonical form, as the converter
// of k8s.io/apimachinery does: that looks for each field of a type in the mapping, where
// this looks for each key of the mapping in the type, and most fields are absent.
func (s *shape) assign(dst reflect.Value, v any) error {
	if v == nil {
		return nil
	}
	switch s.kind {
	case structure:
		return s.assignFields(dst, v)
	case list:
		return s.assignList(dst, v)
	case mapping:
		return s.assignMap(dst, v)
	case pointer:
		dst.Set(reflect.New(s.goes.Elem()))
		return s.elem.assign(dst.Elem(), v)
	case leaf, union:
		return assignLeaf(dst, v)
	}
	return s.assignScalar(dst, v)
}

// misfit is an error of a canonical form that does not fit its type after all.
func (s *shape) misfit(v any) error { return fmt.Errorf("%s cannot hold %s", s.goes, nameOf(v)) }

func (s *shape) assignFields(dst reflect.Value, v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return s.misfit(v)
	}
	for k, e := range m {
		f := s.fields[k]
		if f == nil || e == nil {
			continue
		}
		at, err := dst.FieldByIndexErr(f.index)
		if err != nil {
			return err
		}
		if err := f.shape.assign(at, e); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	return nil
}

func (s *shape) assignList(dst reflect.Value, v any) error {
	l, ok := v.([]any)
	if !ok {
		return s.misfit(v)
	}
	dst.Set(reflect.MakeSlice(s.goes, len(l), len(l)))
	for i, e := range l {
		if err := s.elem.assign(dst.Index(i), e); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return nil
}

func (s *shape) assignMap(dst reflect.Value, v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return s.misfit(v)
	}
	if s.goes == stringMap {
		out := make(map[string]string, len(m))
		for k, e := range m {
			text, ok := e.(string)
			if !ok && e != nil {
				return s.elem.misfit(e)
			}
			out[k] = text
		}
		dst.Set(reflect.ValueOf(out))
		return nil
	}
	dst.Set(reflect.MakeMapWithSize(s.goes, len(m)))
	for k, e := range m {
		value := reflect.New(s.goes.Elem()).Elem()
		if err := s.elem.assign(value, e); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		dst.SetMapIndex(reflect.ValueOf(k).Convert(s.goes.Key()), value)
	}
	return nil
}

var stringMap = reflect.TypeFor[map[string]string]()

func (s *shape) assignScalar(dst reflect.Value, v any) error {
	switch v := v.(type) {
	case string:
		switch s.kind {
		case text:
			dst.SetString(v)
			return nil
		case bytes:
			data, err := base64.StdEncoding.DecodeString(v)
			dst.SetBytes(data)
			return err
		}
	case bool:
		if s.kind == boolean {
			dst.SetBool(v)
			return nil
		}
	case int64:
		switch {
		case s.kind == integer && dst.CanInt():
			dst.SetInt(v)
			return nil
		case s.kind == integer && dst.CanUint():
			dst.SetUint(uint64(v))
			return nil
		case s.kind == float:
			dst.SetFloat(float64(v))
			return nil
		}
	case float64:
		if s.kind == float {
			dst.SetFloat(v)
			return nil
		}
	}
	if s.kind == anything && dst.Kind() == reflect.Interface {
		dst.Set(reflect.ValueOf(v))
		return nil
	}
	return s.misfit(v)
}

// assignLeaf sets what has a JSON form of its own.
func assignLeaf(dst reflect.Value, v any) error {
	switch p := dst.Addr().Interface().(type) {
	case *resource.Quantity:
		if text, ok := v.(string); ok {
			q, err := resource.ParseQuantity(text)
			*p = q
			return err
		}
	case *intstr.IntOrString:
		switch v := v.(type) {
		case string:
			*p = intstr.FromString(v)
			return nil
		case int64:
			*p = intstr.FromInt32(int32(v))
			return nil
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, dst.Addr().Interface())
}

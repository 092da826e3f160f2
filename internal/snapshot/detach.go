// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"reflect"
	"strings"
	"sync"
	"unique"
)

// The strings of an object that was parsed may be parts of its file's text, and one kept
// part keeps the whole. detach gives an object that stays strings of its own.
func (o *Object) detach() {
	for _, s := range []*string{&o.APIVersion, &o.Kind, &o.Namespace, &o.Name, &o.Resource.Group, &o.Resource.Version, &o.Resource.Resource} {
		*s = own(*s)
	}
	if o.Typed != nil {
		ownStrings(reflect.ValueOf(o.Typed))
	}
	o.Canonical, _ = ownTree(o.Canonical).(map[string]any)
	o.Template, _ = ownTree(o.Template).(map[string]any)
	for i := range o.Schema {
		p := &o.Schema[i]
		p.Path, p.Message = own(p.Path), own(p.Message)
	}
}

// own gives a copy of a string; short ones, which objects have in common, are kept once.
func own(s string) string {
	if len(s) > 64 {
		return strings.Clone(s)
	}
	return unique.Make(s).Value()
}

// ownTree copies a tree of JSON values with its strings; nil mappings stay nil.
func ownTree(v any) any {
	switch v := v.(type) {
	case string:
		return own(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = ownTree(e)
		}
		return out
	case map[string]any:
		if v == nil {
			return v
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[own(k)] = ownTree(e)
		}
		return out
	}
	return v
}

// stringy remembers which types can hold a string that can be set.
var stringy sync.Map // reflect.Type → bool

func holdsStrings(t reflect.Type) bool {
	if known, ok := stringy.Load(t); ok {
		return known.(bool)
	}
	stringy.Store(t, true) // for types that hold themselves
	holds := false
	switch t.Kind() {
	case reflect.String:
		holds = true
	case reflect.Pointer, reflect.Slice:
		holds = holdsStrings(t.Elem())
	case reflect.Map:
		holds = t.Key().Kind() == reflect.String
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && holdsStrings(f.Type) {
				holds = true
				break
			}
		}
	}
	stringy.Store(t, holds)
	return holds
}

// ownStrings replaces every string that v holds by a copy.
func ownStrings(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); s != "" {
			v.SetString(own(s))
		}
	case reflect.Pointer:
		if !v.IsNil() && holdsStrings(v.Type()) {
			ownStrings(v.Elem())
		}
	case reflect.Slice:
		if v.Len() > 0 && holdsStrings(v.Type()) {
			for i := range v.Len() {
				ownStrings(v.Index(i))
			}
		}
	case reflect.Map:
		ownMap(v)
	case reflect.Struct:
		t := v.Type()
		for i := range v.NumField() {
			if f := t.Field(i); f.IsExported() && holdsStrings(f.Type) {
				ownStrings(v.Field(i))
			}
		}
	}
}

func ownMap(v reflect.Value) {
	if v.Len() == 0 || v.Type().Key().Kind() != reflect.String {
		return
	}
	if m, ok := v.Interface().(map[string]string); ok && v.CanSet() {
		out := make(map[string]string, len(m))
		for k, s := range m {
			out[own(k)] = own(s)
		}
		v.Set(reflect.ValueOf(out))
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), v.Len())
	for it := v.MapRange(); it.Next(); {
		k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		k.SetString(own(it.Key().String()))
		e.Set(it.Value())
		ownStrings(e)
		out.SetMapIndex(k, e)
	}
	v.Set(out)
}

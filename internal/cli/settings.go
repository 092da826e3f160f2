// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"reflect"

	"github.com/spf13/pflag"

	"github.com/seaworthy-dev/seaworthy/internal/config"
)

// addSettings makes a flag of every setting that names one. The flags write to into;
// override then carries over those that were given.
func addSettings(f *pflag.FlagSet, into *config.Config) {
	eachSetting(reflect.ValueOf(into).Elem(), func(name, doc string, v reflect.Value) {
		switch p := v.Addr().Interface().(type) {
		case *string:
			f.StringVar(p, name, "", doc)
		case *bool:
			f.BoolVar(p, name, false, doc)
		case *[]string:
			f.StringSliceVar(p, name, nil, doc)
		}
	})
}

// override sets what was given on the command line. Lists replace those of the file.
func override(f *pflag.FlagSet, cfg, flags *config.Config) {
	given := map[string]reflect.Value{}
	eachSetting(reflect.ValueOf(flags).Elem(), func(name, _ string, v reflect.Value) {
		if f.Changed(name) {
			given[name] = v
		}
	})
	eachSetting(reflect.ValueOf(cfg).Elem(), func(name, _ string, v reflect.Value) {
		if g, ok := given[name]; ok {
			v.Set(g)
		}
	})
}

func eachSetting(v reflect.Value, f func(name, doc string, v reflect.Value)) {
	t := v.Type()
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		if name := tag.Get("flag"); name != "" {
			f(name, tag.Get("doc"), v.Field(i))
		} else if t.Field(i).Type.Kind() == reflect.Struct {
			eachSetting(v.Field(i), f)
		}
	}
}

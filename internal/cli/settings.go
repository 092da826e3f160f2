// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/spf13/pflag"

	"github.com/seaworthy-dev/seaworthy/internal/config"
)

// addSettings makes flags of the settings. They write to into; override then carries
// over those that were given.
func addSettings(f *pflag.FlagSet, into *config.Config) {
	eachSetting(reflect.ValueOf(into).Elem(), func(field reflect.StructField, v reflect.Value) {
		name, doc := field.Tag.Get("flag"), field.Tag.Get("doc")
		switch p := v.Addr().Interface().(type) {
		case *string:
			f.StringVar(p, name, "", doc)
		case *bool:
			f.BoolVar(p, name, false, doc)
		case *[]config.Scope:
			f.Var(scopeFlag{p}, name, doc)
		case *[]string:
			if name == "coverage" {
				return // a flag that also shows
			}
			if field.Tag.Get("commas") == "kept" {
				f.StringArrayVar(p, name, nil, doc)
			} else {
				f.StringSliceVar(p, name, nil, doc)
			}
		}
	})
	into.Checks = map[string]config.Check{}
	for _, one := range []checkFlag{{into.Checks, "mode"}, {into.Checks, "severity"}, {into.Checks, "parameter"}} {
		f.Var(one, one.what, config.FlagDoc(one.what))
	}
}

// override sets what was given on the command line. Lists replace those of the file;
// settings of single checks are laid over those of the file.
func override(f *pflag.FlagSet, cfg, flags *config.Config) {
	given := map[string]reflect.Value{}
	eachSetting(reflect.ValueOf(flags).Elem(), func(field reflect.StructField, v reflect.Value) {
		name := field.Tag.Get("flag")
		if shown := name == "coverage" && v.IsNil(); f.Changed(name) && !shown {
			given[name] = v
		}
	})
	eachSetting(reflect.ValueOf(cfg).Elem(), func(field reflect.StructField, v reflect.Value) {
		if g, ok := given[field.Tag.Get("flag")]; ok {
			v.Set(g)
		}
	})
	if cfg.Checks == nil {
		cfg.Checks = map[string]config.Check{}
	}
	for id, k := range flags.Checks {
		old := cfg.Checks[id]
		params := maps.Clone(old.Parameters)
		if params == nil {
			params = map[string]string{}
		}
		maps.Copy(params, k.Parameters)
		cfg.Checks[id] = config.Check{
			Mode: cmp.Or(k.Mode, old.Mode), Severity: cmp.Or(k.Severity, old.Severity), Parameters: params,
		}
	}
}

// eachSetting visits the settings that name a flag.
func eachSetting(v reflect.Value, f func(reflect.StructField, reflect.Value)) {
	t := v.Type()
	for i := range t.NumField() {
		if field := t.Field(i); field.Tag.Get("flag") != "" {
			f(field, v.Field(i))
		} else if field.Type.Kind() == reflect.Struct {
			eachSetting(v.Field(i), f)
		}
	}
}

// checkFlag takes settings of single checks: CHECK=MODE, CHECK=SEVERITY or
// CHECK.NAME=VALUE.
type checkFlag struct {
	into map[string]config.Check
	what string
}

func (checkFlag) String() string { return "" }
func (checkFlag) Type() string   { return "string" }

// Set implements pflag.Value.
func (c checkFlag) Set(text string) error {
	id, value, ok := strings.Cut(text, "=")
	name := ""
	if c.what == "parameter" {
		var named bool
		id, name, named = strings.Cut(id, ".")
		ok = ok && named && name != ""
	}
	if !ok || id == "" {
		form := "CHECK=" + strings.ToUpper(c.what)
		if c.what == "parameter" {
			form = "CHECK.NAME=VALUE"
		}
		return fmt.Errorf("it is of the form %s", form)
	}
	k := c.into[id]
	switch c.what {
	case "mode":
		k.Mode = value
	case "severity":
		k.Severity = value
	default:
		if k.Parameters == nil {
			k.Parameters = map[string]string{}
		}
		k.Parameters[name] = value
	}
	c.into[id] = k
	return nil
}

// scopeFlag takes scopes: NAMESPACES:CHECKS:REASON.
type scopeFlag struct{ into *[]config.Scope }

func (scopeFlag) String() string { return "" }
func (scopeFlag) Type() string   { return "string" }

// Set implements pflag.Value.
func (s scopeFlag) Set(text string) error {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) < 3 || strings.TrimSpace(parts[2]) == "" {
		return errors.New("it is of the form NAMESPACE,…:CHECK,…:REASON")
	}
	*s.into = append(*s.into, config.Scope{
		Namespaces: fields(parts[0]), Off: fields(parts[1]), Reason: strings.TrimSpace(parts[2]),
	})
	return nil
}

// coverageFlag shows coverage; with a value it also says of which frameworks.
type coverageFlag struct {
	show *bool
	into *[]string
}

func (coverageFlag) String() string { return "" }
func (coverageFlag) Type() string   { return "string" }

// Set implements pflag.Value.
func (c coverageFlag) Set(text string) error {
	*c.show = true
	if text != asConfigured {
		*c.into = fields(text)
	}
	return nil
}

// asConfigured is the value of --coverage without one.
const asConfigured = "…"

// fields splits at commas.
func fields(list string) []string {
	var out []string
	for f := range strings.SplitSeq(list, ",") {
		if f = strings.TrimSpace(f); f != "" {
			out = append(out, f)
		}
	}
	return out
}

// SPDX-License-Identifier: Apache-2.0

package api

import (
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// schemaName names a type in the description of the API. Words of the product keep their
// name; what other packages say carries the package's, since two may use one word.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	outer, inner, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return packageOf(t.PkgPath()) + huma.DefaultSchemaNamer(t, hint)
	}
	inner = strings.TrimSuffix(inner, "]")
	at, name := inner[:max(0, strings.LastIndex(inner, "."))], inner[strings.LastIndex(inner, ".")+1:]
	return title(strings.TrimSuffix(outer, "Body")) + "Of" + packageOf(at) + title(name)
}

func packageOf(at string) string {
	if at == "" || path.Base(at) == "seaworthy" || path.Base(at) == "api" || !strings.Contains(at, "/internal/") {
		return ""
	}
	return title(path.Base(at))
}

func title(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

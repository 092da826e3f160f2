// SPDX-License-Identifier: Apache-2.0

package netpol

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
)

func TestExpression(t *testing.T) {
	set := labels.Set{"app": "web", "tier": "front-end", "example.com/env": "prod", "empty": ""}
	for _, tc := range []struct {
		text string
		want bool
	}{
		{"", true},
		{"all()", true},
		{"global()", false},
		{"app == 'web'", true},
		{`app=="web"`, true},
		{"app != 'web'", false},
		{"missing != 'web'", true},
		{"missing == ''", false},
		{"empty == ''", true},
		{"has(app)", true},
		{"!has(app)", false},
		{"! has(missing)", true},
		{"app in {'api','web'}", true},
		{"app in { }", false},
		{"app not in {'api'}", true},
		{"missing not in {'api'}", true},
		{"tier contains 't-e'", true},
		{"tier starts with 'front'", true},
		{"tier ends with 'front'", false},
		{"example.com/env == 'prod' && (app == 'api' || tier == 'front-end')", true},
		{"app == 'api' && app == 'web' || has(tier)", true},
		{"app == 'api' || app == 'web' && !has(tier)", false},
		{"!(app == 'web' && has(tier))", false},
		{"projectcalico.org/namespace == 'shop'", true},
	} {
		e, err := parseExpression(tc.text)
		if err != nil {
			t.Errorf("parseExpression(%q): %v", tc.text, err)
			continue
		}
		if got := e.within("shop").Matches(set); got != tc.want {
			t.Errorf("%q matches: %v, want %v", tc.text, got, tc.want)
		}
	}
	for _, text := range []string{
		"app", "app ==", "app == web", "app == 'web", "has(app", "(app == 'web'", "app in 'web'", "app in {'web'",
		"app in {'web' 'api'}", "app near 'web'", "app == 'web' has(x)", "&&", strings.Repeat("(", 1000), strings.Repeat("!", 1000) + "has(a)",
	} {
		if _, err := parseExpression(text); err == nil {
			t.Errorf("parseExpression(%.20q) = nil, want an error", text)
		}
	}
}

func FuzzExpression(f *testing.F) {
	f.Add("a == 'b' && !has(c) || d not in {'e', \"f\"}")
	f.Fuzz(func(_ *testing.T, text string) {
		if e, err := parseExpression(text); err == nil {
			e.Matches(labels.Set{"a": "b"})
		}
	})
}

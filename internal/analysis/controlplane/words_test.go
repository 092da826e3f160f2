// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func texts(words []word) []string {
	var out []string
	for _, w := range words {
		out = append(out, w.text)
	}
	return out
}

func TestSplit(t *testing.T) {
	for in, want := range map[string][]string{
		"":                              nil,
		"a b\tc":                        {"a", "b", "c"},
		`a "b c" 'd "e'`:                {"a", "b c", `d "e`},
		"a \\\n  b":                     {"a", "b"},
		`a\ b "c\"d"`:                   {"a b", `c"d`},
		"a # comment ; x\nb":            {"a", "\n", "b"},
		"a#b":                           {"a#b"},
		"a&&b>c":                        {"a", "&", "&", "b", ">", "c"},
		`--x="1,2"`:                     {"--x=1,2"},
		`''`:                            {""},
		`unterminated "quote and \`:     {"unterminated", `quote and \`},
		`unterminated 'quote; and more`: {"unterminated", "quote; and more"},
	} {
		if diff := cmp.Diff(want, texts(split(in))); diff != "" {
			t.Errorf("split(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func FuzzRunning(f *testing.F) {
	f.Add("/bin/sh", "-c", `exec kube-apiserver "$@" --a='b'`, "x")
	f.Add("kube-apiserver", "--profiling", "--x", "=")
	f.Add("sh", "-", "-c", "")
	f.Fuzz(func(_ *testing.T, a, b, c, d string) {
		running(&corev1.Container{Image: d, Command: []string{a, b}, Args: []string{c, d}, Env: []corev1.EnvVar{{Name: a, Value: b}}})
		running(&corev1.Container{Image: a, Args: []string{a, b, c, d}})
	})
}

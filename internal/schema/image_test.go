// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"strings"
	"testing"
)

func TestTagOf(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	for image, want := range map[string]string{
		"app":                       "latest",
		"team/app":                  "latest",
		"team/app:1.2":              "1.2",
		"app:latest":                "latest",
		"app:5000":                  "5000",
		"localhost/app":             "latest",
		"registry:5000/app":         "latest",
		"registry:5000/app:v1":      "v1",
		"Registry/app":              "latest",
		"registry.example/a/b/c":    "latest",
		"host_name.example/app":     "latest",
		"[2001:db8::1]:5000/app":    "latest",
		"a--b__c.d_e/app":           "latest",
		"app@sha256:" + sum:         "",
		"app:latest@sha256:" + sum:  "latest",
		"app:1@sha512:" + sum + sum: "1",

		"":                       "",
		"<your-image>":           "",
		"${IMAGE}":               "",
		"{{ .Values.image }}":    "",
		"App":                    "",
		"App:latest":             "",
		"team/App:latest":        "",
		"registry.example/App":   "",
		"registry.example/":      "",
		"registry.example:/app":  "",
		"-registry.example/app":  "",
		"app:":                   "",
		"app:-1":                 "",
		"app:la test":            "",
		"a..b:latest":            "",
		"a___b:latest":           "",
		"a-:latest":              "",
		"a//b:latest":            "",
		"app:latest@":            "",
		"app:latest@sha256:0a":   "",
		"app:latest@md5:" + sum:  "",
		sum:                      "",
		strings.Repeat("a", 256): "",
		"app:" + sum + sum + "0": "",
		"[::1/app:latest":        "",
		"registry.example:x/app": "",
		" app:latest":            "",
		"app:latest@sha256:" + strings.ToUpper(sum): "",
	} {
		if got := tagOf(image); got != want {
			t.Errorf("tagOf(%q) = %q, want %q", image, got, want)
		}
	}
}

func BenchmarkTagOf(b *testing.B) {
	for b.Loop() {
		tagOf("registry.example.com:5000/team/some-app:v1.2.3")
	}
}

// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/cli"
)

var flagName = regexp.MustCompile(`(?:^|[\s\x60"'(])--([a-z][a-z0-9-]+)`)

// flagsIn lists the flags that a text names, each once.
func flagsIn(text string) []string {
	var out []string
	for _, m := range flagName.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func helpOf(t *testing.T, command string) []string {
	t.Helper()
	var out bytes.Buffer
	if code := cli.Main([]string{command, "--help"}, strings.NewReader(""), &out, &out); code != 0 {
		t.Fatalf("%s --help exits with %d: %s", command, code, &out)
	}
	return flagsIn(out.String())
}

// What the documentation and the units pass to the server exists, and what the server
// takes is documented.
func TestFlagsOfTheServerAreThoseOfTheDocs(t *testing.T) {
	serve := helpOf(t, "serve")
	known := slices.Clone(serve)
	for _, command := range []string{"backup", "restore", "scan", "verify", "witness"} {
		known = append(known, helpOf(t, command)...)
	}
	others := map[string][]string{ // of useradd, systemctl, docker, sha256sum, pg_restore
		"docs/install.md": {"cap-drop", "check", "dbname", "exit-on-error", "home-dir", "ignore-missing", "input", "name", "no-owner", "now", "read-only", "shell",
			"single-transaction", "system", "tmpfs"},
	}
	told := ""
	for _, name := range []string{"docs/serve.md", "docs/install.md", "deploy/seaworthy.service", "deploy/seaworthy-backup.service"} {
		data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		told += string(data)
		for _, f := range flagsIn(string(data)) {
			if !slices.Contains(known, f) && !slices.Contains(others[name], f) {
				t.Errorf("%s names --%s, which no command has", name, f)
			}
		}
	}
	documented := flagsIn(told)
	for _, f := range serve {
		if !slices.Contains(documented, f) && !slices.Contains([]string{"help", "controls", "frameworks", "log-level", "wait"}, f) {
			t.Errorf("serve takes --%s, which docs/serve.md and docs/install.md do not tell", f)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/server"
)

// documented gives each shell of a page of the documentation.
func documented(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, block := range strings.Split(string(text), "```sh\n")[1:] {
		block, _, closed := strings.Cut(block, "```")
		if !closed {
			t.Fatalf("a shell of docs/%s has no end", page)
		}
		out = append(out, block)
	}
	return out
}

// What the documentation shows is run as it stands there. It starts three processes for
// each hash of the log, so the world is a young one.
func TestVerifyingWithStandardToolsAsDocumented(t *testing.T) {
	for _, tool := range []string{"bash", "unzip", "sha256sum", "base64", "xxd", "jq", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, what docs/evidence.md shows was not tried: there is no %s", tool)
		}
	}
	script := documented(t, "evidence.md")[0]
	w := newWorld(t, server.Config{})
	w.begin()
	w.upload("who may do what")
	_, err := w.server.Store().Checkpoint(t.Context(), w.signer)
	w.must(err)
	pkg := w.pack(nil)
	run := func(key string, pkg []byte) (string, error) {
		dir := t.TempDir()
		path := filepath.Join(dir, "package.zip")
		if err := os.WriteFile(path, pkg, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("bash", "-c", script)
		cmd.Env = append(os.Environ(), "KEY="+key, "PACKAGE="+path, "TMPDIR="+dir)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if said, err := run(w.server.LogKey(), pkg); err != nil || !strings.Contains(said, "the package is intact") {
		t.Fatalf("the documented commands fail on an intact package: %v\n%s", err, said)
	}
	stranger := newWorld(t, server.Config{})
	if said, err := run(stranger.server.LogKey(), pkg); err == nil {
		t.Errorf("they pass with a stranger's key:\n%s", said)
	}
	path := filepath.Join(t.TempDir(), "altered.zip")
	altered := []string{"05_tests/more.csv", "log/hashes.bin", "log/checkpoint.txt", "log/seal.json", "00_scope/program.json", "SHA256SUMS"}
	if testing.Short() {
		altered = altered[:4] // one for each step
	}
	for _, name := range altered {
		files := unpack(t, pkg)
		for i := range files {
			if files[i].name == name {
				files[i].data[len(files[i].data)/3] ^= 1
			}
		}
		if name == "05_tests/more.csv" {
			files = append(files, file{name, []byte("all good\n")})
		}
		repack(t, path, files)
		altered, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if said, err := run(w.server.LogKey(), altered); err == nil {
			t.Errorf("they pass with %s altered:\n%s", name, said)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/rand"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"golang.org/x/crypto/ssh"
)

// small is a program that builds in a moment, in a checkout of its own at a folder: the same
// commit each time.
func small(t *testing.T) *program {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/small\n\ngo 1.26.0\n", "cmd/small/main.go": "// Command small does nothing.\npackage main\n\nfunc main() { println(\"small\") }\n",
		"LICENSE": "licence\n", "README.md": "read me\n", "CHANGELOG.md": "changes\n",
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	charts, err := filepath.Abs(filepath.Join("..", "charts"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "deploy", "charts"), os.DirFS(charts)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"commit", "-q", "-m", "a small program"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		for _, who := range []string{"AUTHOR", "COMMITTER"} {
			cmd.Env = append(cmd.Env, "GIT_"+who+"_NAME=ada", "GIT_"+who+"_EMAIL=ada@example.com", "GIT_"+who+"_DATE=2026-11-22T00:00:00Z")
		}
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, said)
		}
	}
	p, err := product(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if p.changed || !p.at.Equal(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("the checkout is of %s, changed: %v", p.at, p.changed)
	}
	p.pkg, p.name, p.tags = "./cmd/small", "small", ""
	return p
}

// An image is the same wherever the checkout is and whenever it is built.
func TestImageIsReproducible(t *testing.T) {
	var sums []v1.Hash
	for range 2 {
		index, _, err := small(t).image(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sum, err := index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds give %s and %s", sums[0], sums[1])
	}
	p := small(t)
	p.at = p.at.Add(time.Second)
	index, _, err := p.image(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := index.Digest(); err != nil || sum == sums[0] {
		t.Errorf("another commit gives the same digest %s: %v", sum, err)
	}
}

// The image holds a static program for each platform, run by a user without rights, with
// certificates and a bill of materials; it is valid as a layout and as a registry keeps it.
func TestImage(t *testing.T) {
	host := httptest.NewServer(registry.New())
	defer host.Close()
	to := strings.TrimPrefix(host.URL, "http://") + "/seaworthy:test"
	dir := filepath.Join(t.TempDir(), "image")
	var out bytes.Buffer
	if err := small(t).writeImage(t.Context(), dir, to, &out); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(to)
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Index(tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(pulled); err != nil {
		t.Error(err)
	}
	written, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(written); err != nil {
		t.Error(err)
	}
	manifest, err := pulled.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := pulled.Digest()
	if !strings.HasSuffix(out.String(), sum.String()+"\n") || manifest.Annotations["org.opencontainers.image.revision"] == "" {
		t.Errorf("%s was pushed with %v, and it says\n%s", sum, manifest.Annotations, out.String())
	}
	if loaded, err := tarball.ImageFromPath(dir+"-arm64.tar", nil); err != nil || validate.Image(loaded) != nil {
		t.Errorf("the image for engines: %v", err)
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	for _, d := range manifest.Manifests {
		image, err := pulled.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		machine, known := machines[d.Platform.Architecture]
		if !known || d.Platform.OS != "linux" {
			t.Errorf("the image is for %s", d.Platform)
		}
		delete(machines, d.Platform.Architecture)
		holds(t, image, machine)
	}
	if len(machines) > 0 {
		t.Errorf("no image for %v", machines)
	}
}

func holds(t *testing.T, image v1.Image, machine elf.Machine) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c := config.Config; c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/small"}) || c.Labels["org.opencontainers.image.licenses"] != "Apache-2.0" {
		t.Errorf("configured as %+v", c)
	}
	files := map[string][]byte{}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for tr := tar.NewReader(r); ; {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			data, readErr := io.ReadAll(tr)
			if err := errors.Join(err, readErr); err != nil {
				t.Fatal(err)
			}
			files[h.Name] = data
		}
	}
	program, err := elf.NewFile(bytes.NewReader(files["small"]))
	if err != nil {
		t.Fatal(err)
	}
	if program.Machine != machine || slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("the program is for %s, or is not static", program.Machine)
	}
	if b, _ := pem.Decode(files["etc/ssl/certs/ca-certificates.crt"]); b == nil || b.Type != "CERTIFICATE" {
		t.Error("there are no certificates")
	}
	for _, dir := range []string{"data/", "tmp/", "var/lib/seaworthy/", "etc/"} {
		if _, ok := files[dir]; !ok {
			t.Errorf("there is no folder %s", dir)
		}
	}
	var list bom
	if err := json.Unmarshal(files["usr/share/doc/seaworthy/sbom.cdx.json"], &list); err != nil {
		t.Fatal(err)
	}
	if list.Metadata.Component.Name != "small" || len(list.Components) == 0 || list.Components[0].Name != "stdlib" {
		t.Errorf("the bill of materials is %+v", list)
	}
}

// Archives hold the program and what stands beside it, twice the same; the checksums are
// those of the files, and OpenSSH itself verifies their signature.
func TestArchives(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "release")
	var sums [][]byte
	for range 2 {
		if err := small(t).writeArchives(t.Context(), dir, key, io.Discard); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, text)
	}
	if !bytes.Equal(sums[0], sums[1]) {
		t.Errorf("two builds give\n%s\n%s", sums[0], sums[1])
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "SHA256SUMS") && !bytes.Contains(sums[0], []byte("  "+e.Name()+"\n")) {
			t.Errorf("%s is not in the checksums", e.Name())
		}
	}
	if n := bytes.Count(sums[0], []byte("\n")); n != 2*len(released)+2 {
		t.Errorf("%d checksums:\n%s", n, sums[0])
	}
	inside(t, filepath.Join(dir, "seaworthy-agent-0.1.0.tgz"), "seaworthy-agent/Chart.yaml", "seaworthy-agent/templates/_pod.tpl", "seaworthy-agent/files/rights.yaml")
	version := "small-0.0.0-20261122000000-" + small(t).commit[:12]
	inside(t, filepath.Join(dir, version+"-darwin-arm64.tar.gz"), version+"-darwin-arm64/small", version+"-darwin-arm64/LICENSE")
	verify(t, dir, sums[0], private)
}

func verify(t *testing.T, dir string, sums []byte, private ed25519.PrivateKey) {
	t.Helper()
	tool, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("SKIPPED, no signature was verified: there is no ssh-keygen")
	}
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	signers := filepath.Join(t.TempDir(), "signers")
	if err := os.WriteFile(signers, append([]byte("release@example.com "), ssh.MarshalAuthorizedKey(public)...), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(text []byte) error {
		cmd := exec.Command(tool, "-Y", "verify", "-f", signers, "-I", "release@example.com", "-n", "file", "-s", filepath.Join(dir, "SHA256SUMS.sig"))
		cmd.Stdin = bytes.NewReader(text)
		return cmd.Run()
	}
	if err := check(sums); err != nil {
		t.Errorf("the signature does not verify: %v", err)
	}
	if err := check(append([]byte("0"), sums...)); err == nil {
		t.Error("the signature verifies over something else")
	}
}

func inside(t *testing.T, archive string, names ...string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, h.Name)
	}
	for _, n := range names {
		if !slices.Contains(have, n) {
			t.Errorf("%s holds %v and no %s", archive, have, n)
		}
	}
	if strings.HasSuffix(archive, ".tgz") && have[0] != names[0] {
		t.Errorf("%s begins with %s, want %s", archive, have[0], names[0])
	}
}

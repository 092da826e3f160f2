// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/cli"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/timestamp"
	"github.com/seaworthy-dev/seaworthy/internal/timestamp/timestamptest"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// pack exports the program, with a timestamp of the authority where there is one.
func (w *world) pack(tsa *timestamptest.Authority) []byte {
	w.t.Helper()
	sealer := audit.Sealer{Signer: w.signer}
	if tsa != nil {
		a, err := timestamp.New(timestamp.Config{URL: tsa.URL, Plain: true, Private: true})
		w.must(err)
		sealer.Stamp = func(ctx context.Context, c store.Checkpoint) ([]byte, error) {
			token, err := a.Stamp(ctx, []byte(c.Note))
			if err == nil {
				err = w.server.Store().SetTimestamp(ctx, c.Size, token)
			}
			return token, err
		}
	}
	var b bytes.Buffer
	_, err := w.audit.Export(w.t.Context(), manager, audit.PackageRequest{Program: w.program.ID}, sealer, &b)
	w.must(err)
	return b.Bytes()
}

// file is a file of a package.
type file struct {
	name string
	data []byte
}

func unpack(t *testing.T, pkg []byte) []file {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		t.Fatal(err)
	}
	var out []file
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file{f.Name, data})
	}
	return out
}

func repack(t *testing.T, path string, files []file) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// verify is the command, with its exit code and all that it says.
func verify(args ...string) (int, string) {
	var out bytes.Buffer
	code := cli.Main(append([]string{"verify"}, args...), strings.NewReader(""), &out, &out)
	return code, out.String()
}

// Every file of a package, altered by a bit or removed, is named; so is one that was
// added. The short tests try each of the proof and some of the others.
func TestNoFileOfAPackageChangesUnseen(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.fill()
	files := unpack(t, w.pack(nil))
	path := filepath.Join(t.TempDir(), "package.zip")
	repack(t, path, files)
	if code, said := verify("--key", w.server.LogKey(), path); code != 0 {
		t.Fatalf("verify of the package exits with %d:\n%s", code, said)
	}
	proof := map[string]bool{"SHA256SUMS": true, "log/seal.json": true, "log/hashes.bin": true, "log/checkpoint.txt": true}
	for i, f := range files {
		if testing.Short() && !proof[f.name] && i%10 > 0 {
			continue
		}
		altered := append([]file(nil), files...)
		altered[i].data = append([]byte(nil), f.data...)
		if len(f.data) == 0 {
			altered[i].data = []byte("more")
		} else {
			altered[i].data[len(f.data)/3] ^= 1
		}
		repack(t, path, altered)
		if code, said := verify("--key", w.server.LogKey(), path); code != 3 || !strings.Contains(said, f.name) {
			t.Errorf("%s altered: exit %d\n%s", f.name, code, said)
		}
		repack(t, path, append(append([]file(nil), files[:i]...), files[i+1:]...))
		want := 3
		if proof[f.name] {
			want = 2 // then it is no package
		}
		if code, said := verify("--key", w.server.LogKey(), path); code != want || !strings.Contains(said, f.name) {
			t.Errorf("%s removed: exit %d\n%s", f.name, code, said)
		}
	}
	repack(t, path, append(append([]file(nil), files...), file{"05_tests/more.csv", []byte("all good\n")}))
	if code, said := verify("--key", w.server.LogKey(), path); code != 3 || !strings.Contains(said, "05_tests/more.csv was added") {
		t.Errorf("a file added: exit %d\n%s", code, said)
	}
}

// Somebody who has the package but not the key makes a new one that fits itself.
func TestAPackageMadeAnewNeedsTheKey(t *testing.T) {
	w, forger := newWorld(t, server.Config{}), newWorld(t, server.Config{})
	w.fill()
	forger.fill()
	path := filepath.Join(t.TempDir(), "package.zip")
	if err := os.WriteFile(path, forger.pack(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := verify("--key", forger.server.LogKey(), path); code != 0 {
		t.Fatalf("the forged package does not even fit itself: exit %d\n%s", code, said)
	}
	if code, said := verify("--key", w.server.LogKey(), path); code != 3 || !strings.Contains(said, "log/checkpoint.txt") {
		t.Errorf("the forged package verifies with the true key: exit %d\n%s", code, said)
	}
}

func TestTimestampsAndWitnessesOfAPackage(t *testing.T) {
	mine, theirs, err := tlog.GenerateCosigner("witness.example")
	if err != nil {
		t.Fatal(err)
	}
	c := server.Config{Witnesses: []string{theirs}}
	w := newWorld(t, c)
	w.fill()
	tsa, stranger := timestamptest.Start(t), timestamptest.Start(t)
	dir := t.TempDir()
	at := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	root, other := at("root.pem", tsa.Root), at("other.pem", stranger.Root)
	plain, stamped := at("plain.zip", w.pack(nil)), at("stamped.zip", w.pack(tsa))
	w.watch(mine).cosign(t)
	w.upload("what the witness did not see")
	cosigned := at("cosigned.zip", w.pack(nil))
	for _, c := range []struct {
		pkg  string
		args []string
		code int
		want string
	}{
		{plain, nil, 0, "is intact"},
		{plain, []string{"--tsa-cert", root}, 3, "has no timestamp"},
		{stamped, nil, 0, "is intact"},
		{stamped, []string{"--tsa-cert", root}, 0, "the authority saw the checkpoint at 20"},
		{stamped, []string{"--tsa-cert", other}, 3, "log/checkpoint.tsr: verify the timestamp's signature"},
		{stamped, []string{"--tsa-cert", filepath.Join(dir, "none.pem")}, 2, "cannot be read"},
		{stamped, []string{"--tsa-cert", stamped}, 2, "no certificate"},
		{plain, []string{"--witness", theirs}, 3, "is not cosigned by witness.example"},
		{cosigned, []string{"--witness", theirs}, 0, "cosigned by witness.example up to entry"},
	} {
		t.Run(fmt.Sprint(filepath.Base(c.pkg), len(c.args), c.code), func(t *testing.T) {
			code, said := verify(append(append([]string{"--key", w.server.LogKey()}, c.args...), c.pkg)...)
			if code != c.code || !strings.Contains(said, c.want) {
				t.Errorf("verify %q exits with %d, want %d and %q:\n%s", c.args, code, c.code, c.want, said)
			}
		})
	}
}

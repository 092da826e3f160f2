// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"archive/zip"
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/timestamp"
	"github.com/seaworthy-dev/seaworthy/internal/timestamp/timestamptest"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// until waits for what a job does by itself.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing came of waiting for %s", what)
		}
	}
}

// stamped runs a server with an owner, whose log an authority sees.
func stamped(t *testing.T, database string, c timestamp.Config) *office {
	t.Helper()
	controls, err1 := controls.List()
	frameworks, err2 := frameworks.List()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	o := &office{running: run(t, server.Config{Data: storetest.Dir(t), Database: database, Timestamps: c, Controls: controls, Frameworks: frameworks}), t: t}
	t.Cleanup(func() {
		if err := o.stop(); err != nil {
			t.Error(err)
		}
	})
	o.found()
	res, err := o.owner.Post(o.url+"/api/v1/programs", "application/json",
		strings.NewReader(`{"name":"Audit","type":"II","from":"2026-01-01T00:00:00Z","to":"2026-07-01T00:00:00Z","categories":["security"]}`))
	if p := o.came(res, err); p.status != http.StatusCreated {
		t.Fatalf("making a program gives %d: %s", p.status, p.text)
	}
	return o
}

func TestAnAuthoritySeesTheLog(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, sc store.Config) {
		tsa := timestamptest.Start(t)
		roots, err := timestamp.Roots(tsa.Root)
		if err != nil {
			t.Fatal(err)
		}
		o := stamped(t, sc.Database, timestamp.Config{URL: tsa.URL, Roots: roots})
		var c store.Checkpoint
		until(t, "a timestamp", func() bool { c, err = o.Store().LastStamped(t.Context()); return err == nil })
		if _, err := timestamp.Check(c.Timestamp, []byte(c.Note), roots); err != nil {
			t.Fatalf("the timestamp that is kept: %v", err)
		}
		p := o.see(o.owner, "/log")
		path := "/checkpoints/" + strconv.FormatInt(c.Size, 10)
		if !strings.Contains(p.text, path+"/timestamp") || !strings.Contains(p.text, tsa.URL) || strings.Contains(p.text, "gave no timestamp") {
			t.Errorf("the page of the log does not show the timestamp: %s", p.text)
		}
		if token := o.bytes(path + "/timestamp"); !bytes.Equal(token, c.Timestamp) {
			t.Error("what is downloaded is not the timestamp that is kept")
		}
		o.openssl(c, tsa.Root)
		t.Run("package", func(t *testing.T) { o.packageSince(t, roots, c) })
		result, err := o.SelfCheck(t.Context())
		if err != nil || !result.Intact() {
			t.Errorf("SelfCheck = %v, %v", result.Problems, err)
		}
	})
}

func (o *office) bytes(path string) []byte {
	o.t.Helper()
	res, err := o.owner.Get(o.url + path)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		o.t.Fatalf("GET %s = %d, %v: %.300s", path, res.StatusCode, err, data)
	}
	return data
}

// openssl verifies the timestamp as the documentation tells people to.
func (o *office) openssl(c store.Checkpoint, root []byte) {
	o.t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil {
		o.t.Log("SKIPPED, the timestamp was not verified by another program: there is no openssl")
		return
	}
	dir := o.t.TempDir()
	path := "/checkpoints/" + strconv.FormatInt(c.Size, 10)
	for name, data := range map[string][]byte{"checkpoint.txt": o.bytes(path), "checkpoint.tsr": o.bytes(path + "/timestamp"), "authority.pem": root} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
	verify := exec.Command("sh", "-c", `head -n 5 checkpoint.txt >note && "$0" ts -verify -in checkpoint.tsr -data note -CAfile authority.pem`, program)
	verify.Dir = dir
	if out, err := verify.CombinedOutput(); err != nil || !strings.Contains(string(out), "Verification: OK") {
		o.t.Errorf("openssl ts -verify: %v\n%s", err, out)
	}
}

// export makes the package of the program.
func (o *office) export(t *testing.T) []byte {
	t.Helper()
	programs, err := o.Store().Programs(t.Context())
	if err != nil || len(programs) == 0 {
		t.Fatal(programs, err)
	}
	res, err := o.owner.Post(o.url+"/api/v1/programs/"+programs[0].ID+"/packages", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the export gives %d, %v: %.300s", res.StatusCode, err, data)
	}
	return data
}

func (o *office) verify(t *testing.T, pkg []byte, check func(token, note []byte) (time.Time, error)) vault.Verified {
	t.Helper()
	key, err := tlog.ParseKey(o.LogKey())
	if err != nil {
		t.Fatal(err)
	}
	result, err := vault.Verify(bytes.NewReader(pkg), int64(len(pkg)), vault.Trust{Key: key, Timestamp: check})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// packageSince makes a package, which proves when the authority saw the log first and last.
func (o *office) packageSince(t *testing.T, roots *x509.CertPool, c store.Checkpoint) {
	check := func(token, note []byte) (time.Time, error) { return timestamp.Check(token, note, roots) }
	pkg := o.export(t)
	result := o.verify(t, pkg, check)
	if !result.Intact() || result.Timestamp == "" {
		t.Fatalf("the package was seen at %q, and has the problems %q", result.Timestamp, result.Problems)
	}
	first, err := check(c.Timestamp, []byte(c.Note))
	if err != nil {
		t.Fatal(err)
	}
	want := []vault.Seen{{Size: c.Size, At: first.UTC().Format(time.RFC3339)}, {Size: result.LogSize, At: result.Timestamp}}
	if !slices.Equal(result.Seen, want) {
		t.Errorf("the authority saw the log %+v, want %+v", result.Seen, want)
	}
	stranger, err := timestamp.Roots(timestamptest.Start(t).Root)
	if err != nil {
		t.Fatal(err)
	}
	if o.verify(t, pkg, func(token, note []byte) (time.Time, error) { return timestamp.Check(token, note, stranger) }).Intact() {
		t.Error("the package verifies with the certificate of an authority that never saw it")
	}
	head := fmt.Sprintf("%s%d", vault.StampedPrefix, c.Size)
	for name, change := range map[string]func(files map[string][]byte){
		head + ".tsr is missing": func(files map[string][]byte) { delete(files, head+".tsr") },
		head + ".tsr was added":  func(files map[string][]byte) { delete(files, head+".txt") },
		head + ".tsr: ":          func(files map[string][]byte) { files[head+".tsr"] = files[vault.TimestampFile] },
		head + ".txt: ":          func(files map[string][]byte) { files[head+".txt"][len(c.Note)/2] ^= 1 },
		"does not add up to the root that was signed (" + head + ".txt)": func(files map[string][]byte) {
			files[head+".txt"] = []byte(o.forged(c))
		},
	} {
		problems := o.verify(t, repack(t, pkg, change), check).Problems
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, name) }) {
			t.Errorf("of the altered package the problems are %q, want %q among them", problems, name)
		}
	}
}

// forged is a head of the size that the log signed and that never was.
func (o *office) forged(c store.Checkpoint) string {
	o.t.Helper()
	c.Root[0] ^= 1
	signed, err := tlog.Checkpoint{Origin: o.Signer().Name(), Size: c.Size, Root: c.Root}.Sign(o.Signer())
	if err != nil {
		o.t.Fatal(err)
	}
	return string(signed)
}

// repack changes files of a package.
func repack(t *testing.T, pkg []byte, change func(map[string][]byte)) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range in.File {
		if files[f.Name], err = fs.ReadFile(in, f.Name); err != nil {
			t.Fatal(err)
		}
	}
	change(files)
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for name, data := range files {
		w, err := out.Create(name)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// An authority that is away is told of where people and machines look, and takes no
// package from anybody.
func TestAnAuthorityIsAway(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	defer away.Close()
	o := stamped(t, "", timestamp.Config{URL: away.URL})
	until(t, "a failure", func() bool {
		list, err := o.Store().Jobs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(list, func(j store.Job) bool { return j.Name == store.TimestampJob && j.Failures > 0 })
	})
	if p := o.see(o.owner, "/log"); !strings.Contains(p.text, "The authority gave no timestamp") || !strings.Contains(p.text, "404 Not Found") {
		t.Errorf("the page of the log does not tell that the authority is away: %s", p.text)
	}
	if metrics := string(o.bytes("/metrics")); !strings.Contains(metrics, `seaworthy_job_failures{job="timestamp"}`) || strings.Contains(metrics, `seaworthy_job_failures{job="timestamp"} 0`) {
		t.Errorf("the metrics do not tell that the authority is away: %s", metrics)
	}
	if result := o.verify(t, o.export(t), nil); !result.Intact() {
		t.Errorf("the package without a timestamp has the problems %q", result.Problems)
	}
}

func TestATimestampThatWasAlteredIsFound(t *testing.T) {
	tsa := timestamptest.Start(t)
	o := stamped(t, "", timestamp.Config{URL: tsa.URL})
	var c store.Checkpoint
	until(t, "a timestamp", func() bool {
		var err error
		c, err = o.Store().LastStamped(t.Context())
		return err == nil
	})
	o.form(o.owner, "/teams", url.Values{"team": {"Third"}})
	fresh, err := o.Store().Checkpoint(t.Context(), o.Signer())
	if err != nil || fresh.Size == c.Size {
		t.Fatalf("Checkpoint = %d entries, %v, want more than %d", fresh.Size, err, c.Size)
	}
	// The word of the authority on another head.
	if err := o.Store().SetTimestamp(t.Context(), fresh.Size, c.Timestamp); err != nil {
		t.Fatal(err)
	}
	result, err := o.SelfCheck(t.Context())
	if err != nil || len(result.Problems) != 1 || !strings.Contains(result.Problems[0], fmt.Sprintf("checkpoint of %d entries was altered", fresh.Size)) {
		t.Errorf("SelfCheck = %q, %v, want the timestamp named", result.Problems, err)
	}
}

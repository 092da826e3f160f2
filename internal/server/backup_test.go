// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// filled is a server that keeps a piece of evidence with bytes.
func filled(t *testing.T) (c server.Config, evidence seaworthy.Evidence) {
	t.Helper()
	c = server.Config{Data: t.TempDir()}
	s, err := server.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	digest, size, err := s.Vault().Put(t.Context(), strings.NewReader("minutes of a meeting"), 1000)
	if err != nil {
		t.Fatal(err)
	}
	now := s.Store().Now()
	evidence = seaworthy.Evidence{
		Kind: seaworthy.EvidenceUpload, Title: "Minutes", Shows: seaworthy.Design, Digest: digest, Size: size, Collector: "user:ada",
		Scope: []string{}, Controls: []string{"access-review"}, Occurrences: []string{},
		EffectiveFrom: now.AddDate(0, 0, -1), EffectiveTo: now, CollectedAt: now, ReceivedAt: now,
	}
	if err := s.Store().Write(t.Context(), "user:ada", func(tx *store.Tx) error { return tx.AddEvidence(&evidence) }); err != nil {
		t.Fatal(err)
	}
	return c, evidence
}

func backup(t *testing.T, c server.Config, withKeys bool) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := server.Backup(t.Context(), c, withKeys, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBackupAndRestore(t *testing.T) {
	c, e := filled(t)
	for name, withKeys := range map[string]bool{"without_keys": false, "with_keys": true} {
		t.Run(name, func(t *testing.T) {
			data := backup(t, c, withKeys)
			if has := bytes.Contains(data, []byte("PRIVATE+KEY+")); has != withKeys {
				t.Errorf("the backup holds the key: %v, want %v", has, withKeys)
			}
			to := server.Config{Data: filepath.Join(t.TempDir(), "new")}
			_, result, err := server.Restore(t.Context(), to, bytes.NewReader(data))
			if err != nil || !result.Intact() {
				t.Fatalf("Restore finds %v, %v", result.Problems, err)
			}
			if _, _, err := server.Restore(t.Context(), to, bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), "there is a database") {
				t.Errorf("the second restore: %v", err)
			}
			s, err := server.Open(t.Context(), to)
			if !withKeys {
				if err == nil || !strings.Contains(err.Error(), "--log-key") {
					t.Errorf("without its key the server starts: %v", err)
				}
				to.LogKey = filepath.Join(c.Data, "log.key")
				s, err = server.Open(t.Context(), to)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Vault().Check(t.Context(), e.Digest); err != nil {
				t.Error(err)
			}
		})
	}
}

// A key that is there already stays: the same one is as good, another one is somebody's.
func TestRestoreBesideAKey(t *testing.T) {
	c, _ := filled(t)
	data := backup(t, c, true)
	mine, err := os.ReadFile(filepath.Join(c.Data, "log.key"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{string(mine): "", "another": "there is another key"} {
		to := server.Config{Data: t.TempDir(), LogKey: filepath.Join(t.TempDir(), "log.key")}
		if err := os.WriteFile(to.LogKey, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := server.Restore(t.Context(), to, bytes.NewReader(data))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Restore says %v, want %q in it", err, want)
		}
		if kept, err := os.ReadFile(to.LogKey); err != nil || string(kept) != name {
			t.Errorf("the key that was there is now %q, %v", kept, err)
		}
		if _, err := os.Lstat(filepath.Join(to.Data, store.DatabaseFile)); (err == nil) != (want == "") {
			t.Errorf("the database has its place: %v", err == nil)
		}
	}
}

// rewrite changes the files of a backup.
func rewrite(t *testing.T, data []byte, change func(name string, content []byte) (string, []byte)) []byte {
	t.Helper()
	var b bytes.Buffer
	in, out := tar.NewReader(bytes.NewReader(data)), tar.NewWriter(&b)
	for {
		head, err := in.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		name, content := change(head.Name, content)
		if name == "" {
			continue
		}
		head.Name, head.Size = name, int64(len(content))
		if err := out.WriteHeader(head); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBackupsThatWereAltered(t *testing.T) {
	c, e := filled(t)
	data := backup(t, c, false)
	for name, b := range map[string]struct {
		data []byte
		want string // in the error, or in what the verification finds
	}{
		"no_backup": {[]byte("hello"), "no whole backup"},
		"cut":       {data[:len(data)/2], "whole backup"},
		"blob": {rewrite(t, data, func(name string, content []byte) (string, []byte) {
			return name, bytes.Replace(content, []byte("minutes of a meeting"), []byte("minutes of a dinner!"), 1)
		}), "was altered"},
		"blob_gone": {rewrite(t, data, func(name string, content []byte) (string, []byte) {
			if strings.HasSuffix(name, e.Digest) {
				return "", nil
			}
			return name, content
		}), e.ID},
		"record": {rewrite(t, data, func(name string, content []byte) (string, []byte) {
			if name == store.DatabaseFile {
				content = bytes.ReplaceAll(content, []byte(`"title":"Minutes"`), []byte(`"title":"Minuten"`))
			}
			return name, content
		}), e.ID},
		"path": {rewrite(t, data, func(name string, content []byte) (string, []byte) {
			if strings.HasPrefix(name, "blobs/") {
				name = "blobs/../../../outside"
			}
			return name, content
		}), "no backup does"},
	} {
		t.Run(name, func(t *testing.T) {
			_, result, err := server.Restore(t.Context(), server.Config{Data: t.TempDir()}, bytes.NewReader(b.data))
			found := strings.Join(result.Problems, "\n")
			if err != nil {
				found = err.Error()
			}
			if !strings.Contains(found, b.want) {
				t.Errorf("Restore says %q, want %q in it", found, b.want)
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

// Package others finds what other people wrote and the full tests judge: manifests of
// real projects, cases of other tools' test suites. SEAWORTHY_SHARED names the folder
// with it (default: ../shared beside the checkout); it is no part of the repository.
package others

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Have tells where something of others' is. The short tests have nothing of theirs, so
// that they are the same on every machine; a test that gets by without says so in its log.
func Have(t testing.TB, name string) (path string, ok bool) {
	t.Helper()
	path, why := find(name, testing.Short())
	if why != "" {
		t.Logf("SKIPPED, %s of other people is not judged: %s", name, why)
	}
	return path, why == ""
}

// Need is Have for a test that is about nothing else: it is skipped where there is none.
func Need(t testing.TB, name string) string {
	t.Helper()
	path, why := find(name, testing.Short())
	if why != "" {
		t.Skipf("SKIPPED, %s of other people is not judged: %s", name, why)
	}
	return path
}

// Cases gives the cases of other tools' test suites, each read into a T, and the folder of
// what they are about.
func Cases[T any](t testing.TB) (inputs string, cases []T) {
	t.Helper()
	root := Need(t, "acceptance")
	f, err := os.Open(filepath.Join(root, "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := json.NewDecoder(f); ; {
		var c T
		switch err := d.Decode(&c); {
		case errors.Is(err, io.EOF):
			return filepath.Join(root, "inputs"), cases
		case err != nil:
			t.Fatalf("read case %d: %v", len(cases)+1, err)
		}
		cases = append(cases, c)
	}
}

// find gives the path of something, and why it is not there.
func find(name string, short bool) (path, why string) {
	if short {
		return "", "-short"
	}
	dir, err := folder()
	if err != nil {
		return "", err.Error()
	}
	path = filepath.Join(dir, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		return "", err.Error() + " (set SEAWORTHY_SHARED)"
	}
	return path, ""
}

// folder is ../shared beside the checkout, which is the nearest folder with a go.mod.
func folder() (string, error) {
	if dir := os.Getenv("SEAWORTHY_SHARED"); dir != "" {
		return dir, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared"), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", os.ErrNotExist
		}
		dir = up
	}
}

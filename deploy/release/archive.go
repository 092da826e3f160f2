// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// released are the platforms that archives are made for.
var released = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"},
}

// shipped are files of the checkout that stand beside the program in each archive.
var shipped = []string{"LICENSE", "README.md", "CHANGELOG.md"}

// writeArchives writes the program for each platform with its bill of materials, the
// charts, and checksums over everything, signed where a key is given.
func (p *program) writeArchives(ctx context.Context, dir, key string, out io.Writer) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("empty %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	made := map[string][]byte{}
	for _, at := range released {
		if err := p.platformArchive(ctx, at, made); err != nil {
			return err
		}
	}
	for _, chart := range []string{"seaworthy", "seaworthy-agent"} {
		name, data, err := p.chart(chart)
		if err != nil {
			return err
		}
		made[name] = data
	}
	sums := checksums(made)
	made["SHA256SUMS"] = sums
	if key != "" {
		signature, err := sign(key, sums)
		if err != nil {
			return err
		}
		made["SHA256SUMS.sig"] = signature
	}
	for name, data := range made {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	if key == "" {
		fmt.Fprintln(out, "the checksums are NOT signed: give the key with --key")
	}
	if p.changed {
		fmt.Fprintf(out, "the checkout differs from the commit %s: nobody else can build this\n", p.commit)
	}
	_, err := fmt.Fprintf(out, "%s, %s\n%s", dir, goVersion(), sums)
	return err
}

// platformArchive adds the archive of one platform and the list of what is in it.
func (p *program) platformArchive(ctx context.Context, at platform, made map[string][]byte) error {
	binary, err := p.build(ctx, at)
	if err != nil {
		return err
	}
	v, err := version(binary)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%s-%s", p.name, strings.ReplaceAll(v, "+", "_"), at)
	list, err := materials(binary, p.name, p.at)
	if err != nil {
		return err
	}
	made[name+".cdx.json"] = list
	files := []file{{name: p.name, mode: 0o755, data: binary}}
	for _, f := range shipped {
		data, err := os.ReadFile(filepath.Join(p.root, f))
		if err != nil {
			return fmt.Errorf("read what stands beside the program: %w", err)
		}
		files = append(files, file{name: f, mode: 0o644, data: data})
	}
	if at.os == "windows" {
		files[0].name += ".exe"
		made[name+".zip"], err = zipped(name, files, p.at)
	} else {
		made[name+".tar.gz"], err = gzipped(name, files, p.at)
	}
	return err
}

// chart packs a chart as Helm does: all its files below a folder of its name.
func (p *program) chart(name string) (string, []byte, error) {
	dir := filepath.Join(p.root, "deploy", "charts", name)
	var files []file
	version := ""
	err := filepath.WalkDir(dir, func(at string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		if rel == "Chart.yaml" {
			version = chartVersion(data)
		}
		files = append(files, file{name: filepath.ToSlash(rel), mode: 0o644, data: data})
		return nil
	})
	if err != nil {
		return "", nil, fmt.Errorf("read the chart %s: %w", name, err)
	}
	if version == "" {
		return "", nil, fmt.Errorf("the chart %s has no version", name)
	}
	// Helm looks for Chart.yaml first.
	slices.SortFunc(files, func(a, b file) int {
		if (a.name == "Chart.yaml") != (b.name == "Chart.yaml") {
			if a.name == "Chart.yaml" {
				return -1
			}
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	data, err := gzipped(name, files, p.at)
	return name + "-" + version + ".tgz", data, err
}

func chartVersion(text []byte) string {
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "version:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// gzipped packs files below a folder as .tar.gz, without a trace of the machine.
func gzipped(folder string, files []file, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: path.Join(folder, f.name), Mode: int64(f.mode), ModTime: at, Size: int64(len(f.data)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack %s: %w", folder, err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack %s: %w", folder, err)
	}
	return b.Bytes(), nil
}

func zipped(folder string, files []file, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: path.Join(folder, f.name), Method: zip.Deflate, Modified: at}
		h.SetMode(f.mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack %s: %w", folder, err)
	}
	return b.Bytes(), nil
}

// checksums are as sha256sum writes and checks them.
func checksums(files map[string][]byte) []byte {
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256(files[name])
		fmt.Fprintf(&out, "%s  %s\n", hex.EncodeToString(sum[:]), name)
	}
	return out.Bytes()
}

// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"
)

// chartLoader reads charts from folders and archives. It is Helm's loader with limits,
// without loops, and with dependencies on folders (file://) resolved in place.
type chartLoader struct {
	limits  Limits
	skip    func(file, why string)
	loading []string // real paths of the folders being loaded
}

// load reads the chart at a path.
func (l *chartLoader) load(path string) (*chartv2.Chart, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, reason(err)
	}
	if !info.IsDir() {
		data, err := readLimited(path, l.limits)
		if err != nil {
			return nil, reason(err)
		}
		if err := checkArchive(data, l.limits); err != nil {
			return nil, err
		}
		return loader.LoadArchive(bytes.NewReader(data))
	}
	real, err := realPath(path)
	if err != nil {
		return nil, reason(err)
	}
	if slices.Contains(l.loading, real) {
		return nil, errors.New("depends on itself")
	}
	l.loading = append(l.loading, real)
	defer func() { l.loading = l.loading[:len(l.loading)-1] }()
	files, err := l.files(path)
	if err != nil {
		return nil, err
	}
	c, err := loader.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	return c, l.dependencies(c, path)
}

// dependencies adds what a chart of a folder depends on by path, and reports what it
// depends on that is nowhere.
func (l *chartLoader) dependencies(c *chartv2.Chart, dir string) error {
	var missing []string
	for _, d := range c.Metadata.Dependencies {
		if d == nil || slices.ContainsFunc(c.Dependencies(), func(s *chartv2.Chart) bool { return s.Name() == d.Name }) {
			continue
		}
		local, ok := strings.CutPrefix(d.Repository, "file://")
		if !ok {
			missing = append(missing, d.Name)
			continue
		}
		if !filepath.IsAbs(local) {
			local = filepath.Join(dir, filepath.FromSlash(local))
		}
		sub, err := l.load(local)
		if err != nil {
			return fmt.Errorf("load its dependency %s from %s: %w", d.Name, filepath.ToSlash(local), err)
		}
		c.AddDependency(sub)
	}
	if len(missing) > 0 {
		return fmt.Errorf("depends on %s, which is not in its charts folder; run: helm dependency build %s", strings.Join(missing, ", "), filepath.ToSlash(dir))
	}
	for _, sub := range c.Dependencies() {
		at := filepath.Join(dir, "charts", sub.Name())
		if exists(filepath.Join(at, "Chart.yaml")) {
			if err := l.dependencies(sub, at); err != nil {
				return fmt.Errorf("its subchart %s %w", sub.Name(), err)
			}
		}
	}
	return nil
}

// files reads the files of a chart's folder, without those that .helmignore names.
func (l *chartLoader) files(dir string) ([]*archive.BufferedFile, error) {
	rules := ignore.Empty()
	if file := filepath.Join(dir, ignore.HelmIgnore); exists(file) {
		parsed, err := ignore.ParseFile(file)
		if err != nil {
			return nil, fmt.Errorf("read .helmignore: %w", err)
		}
		rules = parsed
	}
	rules.AddDefaults()
	var out []*archive.BufferedFile
	real, err := realPath(dir)
	if err != nil {
		return nil, reason(err)
	}
	return out, l.walk(dir, "", rules, []string{real}, &out)
}

func (l *chartLoader) walk(dir, rel string, rules *ignore.Rules, above []string, out *[]*archive.BufferedFile) error {
	entries, err := os.ReadDir(filepath.Join(dir, rel))
	if err != nil {
		return reason(err)
	}
	for _, e := range entries {
		name := filepath.Join(rel, e.Name())
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("%s %w", filepath.ToSlash(name), reason(err))
		}
		if rules.Ignore(filepath.ToSlash(name), info) || info.IsDir() && slices.Contains(versionControl, e.Name()) {
			continue
		}
		if info.IsDir() {
			real, err := realPath(path)
			if err != nil {
				return fmt.Errorf("%s %w", filepath.ToSlash(name), reason(err))
			}
			if slices.Contains(above, real) {
				return fmt.Errorf("%s is a symbolic link to a folder that it lies in; remove the loop", filepath.ToSlash(name))
			}
			if err := l.walk(dir, name, rules, append(above[:len(above):len(above)], real), out); err != nil {
				return err
			}
			continue
		}
		if err := l.file(path, name, info, out); err != nil {
			return err
		}
	}
	return nil
}

func (l *chartLoader) file(path, name string, info os.FileInfo, out *[]*archive.BufferedFile) error {
	slashed := filepath.ToSlash(name)
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", slashed)
	}
	if info.Size() > archive.MaxDecompressedFileSize {
		top, _, _ := strings.Cut(slashed, "/")
		if slices.Contains(rendered, top) || slices.Contains(chartFiles, slashed) {
			return fmt.Errorf("%s is larger than Helm's limit of %s a file", slashed, size(archive.MaxDecompressedFileSize))
		}
		l.skip(path, "is larger than Helm's limit of "+size(archive.MaxDecompressedFileSize)+" a file, so templates do not see it")
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s %w", slashed, reason(err))
	}
	if strings.HasSuffix(slashed, ".tgz") {
		if err := checkArchive(data, l.limits); err != nil {
			return fmt.Errorf("%s %w", slashed, err)
		}
	}
	*out = append(*out, &archive.BufferedFile{Name: slashed, ModTime: info.ModTime(), Data: bytes.TrimPrefix(data, byteOrder8)})
	return nil
}

// checkArchive unpacks an archive into nothing, to see how large it becomes.
func checkArchive(data []byte, limits Limits) error {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return errors.New("is no chart archive (not gzip)")
	}
	allowed := max(int64(len(data))*limits.ArchiveFactor, archiveFloor)
	n, err := io.Copy(io.Discard, io.LimitReader(z, allowed+1))
	if n > allowed {
		return limits.archiveError()
	}
	if err != nil {
		return fmt.Errorf("is a damaged archive: %w", err)
	}
	return nil
}

// dropRemoteSchemas removes from a chart the schemas of its values that refer to other
// documents: validating by them would fetch those.
func dropRemoteSchemas(c *chartv2.Chart, dropped func(chart string)) {
	var schema any
	if c.Schema != nil && (json.Unmarshal(c.Schema, &schema) != nil || refersOut(schema)) {
		c.Schema = nil
		dropped(c.ChartFullPath())
	}
	for _, sub := range c.Dependencies() {
		dropRemoteSchemas(sub, dropped)
	}
}

// refersOut tells whether a JSON schema refers to another document. The meta-schemas of
// json-schema.org are built into the validator.
func refersOut(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, c := range v {
			if at, ok := c.(string); ok && (key == "$ref" || key == "$dynamicRef" || key == "$schema") {
				known := strings.HasPrefix(at, "http://json-schema.org/") || strings.HasPrefix(at, "https://json-schema.org/")
				if !known && !strings.HasPrefix(at, "#") {
					return true
				}
			}
			if refersOut(c) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, refersOut)
	}
	return false
}

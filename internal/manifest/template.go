// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	release "helm.sh/helm/v4/pkg/release/v1/util"

	"github.com/seaworthy-dev/seaworthy"
)

// Template renders a chart that is part of the program into manifests that can be applied
// as they are, in the order of an installation, with the values, release, namespace and
// version that the options name.
func Template(chart fs.FS, opts Options) ([]byte, error) {
	settings, err := newChartSettings(opts)
	if err != nil {
		return nil, err
	}
	files, err := bufferedFiles(chart)
	if err != nil {
		return nil, fmt.Errorf("read the chart: %w", err)
	}
	c, err := loader.LoadFiles(files)
	if err != nil {
		return nil, fmt.Errorf("load the chart: %w", err)
	}
	if want := c.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, settings.capabilities.KubeVersion.String()) {
		return nil, seaworthy.Invalid("the chart %s is for Kubernetes %s, not %s", c.Name(), want, settings.capabilities.KubeVersion.Version)
	}
	values, err := util.ToRenderValues(c, settings.values, settings.release, settings.capabilities)
	if err != nil {
		return nil, seaworthy.Invalid("these values are not for the chart %s: %v", c.Name(), err)
	}
	texts, err := renderSafely(c, values)
	if err != nil {
		_, _, why := templateError(err)
		return nil, seaworthy.Invalid("the chart %s cannot be rendered: %s", c.Name(), why)
	}
	maps.DeleteFunc(texts, func(name, _ string) bool { return path.Ext(name) != ".yaml" }) // NOTES.txt and partials
	return inOrder(texts)
}

// bufferedFiles reads every file of a chart.
func bufferedFiles(chart fs.FS) ([]*archive.BufferedFile, error) {
	var out []*archive.BufferedFile
	err := fs.WalkDir(chart, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(chart, name)
		out = append(out, &archive.BufferedFile{Name: name, Data: data})
		return err
	})
	return out, err
}

// inOrder joins manifests as they are to be applied: what others need comes first.
func inOrder(texts map[string]string) ([]byte, error) {
	hooks, list, err := release.SortManifests(texts, common.VersionSet{}, release.InstallOrder)
	if err := cmp.Or(err, noHooks(len(hooks))); err != nil {
		return nil, fmt.Errorf("sort what the chart renders: %w", err)
	}
	var out bytes.Buffer
	for _, m := range list {
		fmt.Fprintf(&out, "---\n%s\n", bytes.TrimSpace([]byte(m.Content)))
	}
	return out.Bytes(), nil
}

// noHooks refuses hooks, which have no place among manifests that somebody applies.
func noHooks(n int) error {
	if n > 0 {
		return fmt.Errorf("the chart has %d hooks", n)
	}
	return nil
}

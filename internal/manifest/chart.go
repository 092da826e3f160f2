// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"helm.sh/helm/v4/pkg/strvals"

	"github.com/seaworthy-dev/seaworthy"
)

// chartSettings is what every chart is rendered with.
type chartSettings struct {
	values       map[string]any // never changed
	release      common.ReleaseOptions
	capabilities *common.Capabilities
}

func newChartSettings(opts Options) (chartSettings, error) {
	s := chartSettings{
		values:       map[string]any{},
		release:      common.ReleaseOptions{Name: opts.ReleaseName, Namespace: opts.Namespace, Revision: 1, IsInstall: true},
		capabilities: common.DefaultCapabilities.Copy(),
	}
	if s.release.Name == "" {
		s.release.Name = "release-name"
	}
	if s.release.Namespace == "" {
		s.release.Namespace = "default"
	}
	if opts.KubernetesVersion != "" {
		v, err := common.ParseKubeVersion(opts.KubernetesVersion)
		if err != nil {
			return s, seaworthy.Invalid("Kubernetes version %q is not of the form 1.36", opts.KubernetesVersion)
		}
		s.capabilities.KubeVersion = *v
	}
	s.capabilities.APIVersions = servedAPIs(s.capabilities.KubeVersion)
	for _, file := range opts.ValuesFiles {
		data, err := os.ReadFile(file)
		if err != nil {
			return s, seaworthy.Invalid("values file %s %v", file, reason(err))
		}
		values, err := common.ReadValues(data)
		if err != nil {
			return s, seaworthy.Invalid("values file %s is not valid YAML: %v", file, err)
		}
		s.values = overlay(s.values, values)
	}
	for _, set := range opts.Set {
		if err := strvals.ParseInto(set, s.values); err != nil {
			return s, seaworthy.Invalid("value %q is not of the form key=value: %v", set, err)
		}
	}
	return s, nil
}

// overlay lays b over a, mapping by mapping. Neither is changed.
func overlay(a, b map[string]any) map[string]any {
	out := make(map[string]any, len(a)+len(b))
	for k, v := range a {
		out[k] = copied(v)
	}
	for k, v := range b {
		if below, ok := out[k].(map[string]any); ok {
			if above, ok := v.(map[string]any); ok {
				out[k] = overlay(below, above)
				continue
			}
		}
		out[k] = copied(v)
	}
	return out
}

func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return overlay(nil, v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = copied(v[i])
		}
		return out
	}
	return v
}

// chart renders the unit's chart as "helm template" does, with nothing to look up, and
// hands out what comes out: custom resource definitions of crds/, then the templates by
// name. NOTES.txt is text for people and no manifest; test hooks are left out and said
// so; other hooks are objects like any other.
func (r *reader) chart() error {
	root := filepath.ToSlash(r.unit.Path)
	settings := r.unit.plan.charts
	l := &chartLoader{limits: r.limits, skip: func(file, why string) { r.skip(filepath.ToSlash(file), 0, "%s", why) }}
	c, err := l.load(r.unit.Path)
	if err != nil {
		r.result.Files++
		r.broken(root, err)
		return nil
	}
	if c.Metadata.Type == "library" {
		r.skip(root, 0, "is a library chart, which renders nothing by itself")
		return nil
	}
	if want := c.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, settings.capabilities.KubeVersion.String()) {
		r.result.Files++
		r.error(chartFile(root), 0, fmt.Errorf("the chart is for Kubernetes %s and is rendered for %s; choose the version to render for", want, settings.capabilities.KubeVersion.Version))
		return nil
	}
	t := &chartText{reader: r, root: root, chart: c, templates: map[string]string{}}
	values := overlay(nil, settings.values)
	if err := chartutil.ProcessDependencies(c, values); err != nil {
		r.error(chartFile(root), 0, fmt.Errorf("process the dependencies: %w", err))
		return nil
	}
	t.collect(c)
	if err := t.crds(); err != nil {
		return err
	}
	return t.render(values, settings)
}

// broken reports a chart that cannot be loaded: where one of its own YAML files is
// malformed with its line, which Helm does not tell.
func (r *reader) broken(root string, err error) {
	for _, name := range []string{"Chart.yaml", "values.yaml"} {
		file := path.Join(root, name)
		if text, terr := readLimited(file, r.limits); terr == nil {
			for _, perr := range chunks(text, r.limits) {
				if perr != nil {
					r.error(file, 0, perr)
					return
				}
			}
		}
	}
	r.error(chartFile(root), 0, fmt.Errorf("the chart cannot be rendered: %w", err))
}

// chartFile is the file to name where a chart as a whole is wrong.
func chartFile(root string) string {
	if info, err := os.Stat(root); err == nil && info.IsDir() {
		return path.Join(root, "Chart.yaml")
	}
	return root
}

// chartText is a chart while it is rendered.
type chartText struct {
	*reader
	root      string
	chart     *chartv2.Chart
	templates map[string]string // source by the name under which it is rendered
}

// collect takes the sources of a chart's templates and those of its subcharts.
func (t *chartText) collect(c *chartv2.Chart) {
	for _, f := range c.Templates {
		t.templates[path.Join(c.ChartFullPath(), f.Name)] = string(f.Data)
	}
	for _, sub := range c.Dependencies() {
		t.collect(sub)
	}
}

// file gives the path of a template below the chart's root.
func (t *chartText) file(name string) string {
	_, rel, _ := strings.Cut(name, "/")
	return path.Join(t.root, rel)
}

// crds hands out the definitions of the crds folders, which are no templates.
func (t *chartText) crds() error {
	for _, crd := range t.chart.CRDObjects() {
		t.result.Files++
		p := &page{reader: t.reader, name: t.file(filepath.ToSlash(crd.Filename)), root: t.root, explicit: true}
		if err := p.read(crd.File.Data, nil); err != nil {
			return err
		}
		p.finish()
	}
	return nil
}

// retries is how many failing templates of one chart are set aside to judge the rest.
const retries = 25

// render renders the templates. One that fails is reported and left out, so that the
// others are still judged.
func (t *chartText) render(values map[string]any, settings chartSettings) error {
	dropRemoteSchemas(t.chart, func(name string) {
		t.skip(t.file(path.Join(name, "values.schema.json")), 0, "refers to other documents, so the values are not held to it")
	})
	all, err := util.ToRenderValues(t.chart, values, settings.release, settings.capabilities)
	if err != nil {
		t.error(chartFile(t.root), 0, fmt.Errorf("the chart cannot be rendered with these values: %w", err))
		return nil
	}
	var out map[string]string
	for n := 0; ; n++ {
		out, err = renderSafely(t.chart, all)
		if err == nil {
			break
		}
		name, line, why := templateError(err)
		if _, known := t.templates[name]; !known {
			t.error(chartFile(t.root), 0, fmt.Errorf("the chart cannot be rendered: %s", why))
			return nil
		}
		t.error(t.file(name), line, fmt.Errorf("the template cannot be rendered: %s", why))
		if n >= retries || !empty(t.chart, name) {
			t.error(chartFile(t.root), 0, errors.New("the chart's other templates were not rendered"))
			return nil
		}
	}
	for _, name := range slices.Sorted(maps.Keys(out)) {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		if err := t.template(name, out[name]); err != nil {
			return err
		}
	}
	return nil
}

// renderSafely runs Helm's engine, which panics on some broken charts.
func renderSafely(c *chartv2.Chart, values common.Values) (out map[string]string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("helm broke off: %v", p)
		}
	}()
	return engine.Render(c, values)
}

var templatePlace = regexp.MustCompile(`([^\s:()"<>]+):(\d+)(?::\d+)?`)

// templateError takes the template and line out of an error of Helm's engine, and the
// rest of it without line breaks.
func templateError(err error) (name string, line int, why string) {
	why = strings.Join(strings.Fields(err.Error()), " ")
	m := templatePlace.FindStringSubmatchIndex(why)
	if m == nil {
		return "", 0, why
	}
	name = why[m[2]:m[3]]
	line, _ = strconv.Atoi(why[m[4]:m[5]])
	rest := strings.TrimLeft(why[m[1]:], "): ")
	if rest != "" {
		why = rest
	}
	return name, line, why
}

// empty empties a template, wherever in the chart it is; false when it is empty already.
func empty(c *chartv2.Chart, name string) bool {
	for _, f := range c.Templates {
		if path.Join(c.ChartFullPath(), f.Name) == name {
			done := len(f.Data) > 0
			f.Data = nil
			return done
		}
	}
	return slices.ContainsFunc(c.Dependencies(), func(sub *chartv2.Chart) bool { return empty(sub, name) })
}

// glued is a --- that the text runs on behind; Helm takes it for a separator.
var glued = regexp.MustCompile(`(?m)^---([^\s-].*)$`)

// template hands out what one template rendered to.
func (t *chartText) template(name, text string) error {
	if path.Base(name) == "NOTES.txt" || strings.TrimSpace(text) == "" {
		return nil
	}
	t.result.Files++
	text = glued.ReplaceAllString(text, "---\n$1")
	p := &page{reader: t.reader, name: t.file(name), root: t.root, explicit: true}
	if err := p.read([]byte(text), align(text, t.templates[name])); err != nil {
		return err
	}
	p.finish()
	return nil
}

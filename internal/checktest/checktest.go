// SPDX-License-Identifier: Apache-2.0

// Package checktest runs the cases that stand beside a check: a stream of ordinary
// objects in testdata/<id>.yaml, each under a comment that says what the check must
// find, in the manner of analysistest.
//
//	# want "spec.containers[app].image"     an offending item, as a keyed path
//	# params {"registries": "example.com"}  parameters for this case
//
// An object without a want comment must pass.
package checktest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	kjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Case is one object of a check's testdata.
type Case struct {
	Name   string // Kind/name
	Line   int
	Want   []string // keyed paths, without remarks
	Params map[string]string
	Object *snapshot.Object
	// Text is the YAML of the object.
	Text string
}

// Result is what came of a case: empty Problem means that it holds.
type Result struct {
	Check   string
	Case    Case
	Problem string
}

// Path is where the cases of a check's policy file are.
func Path(policy string) string {
	return path.Join(path.Dir(policy), "testdata", path.Base(policy))
}

var (
	wantLine   = regexp.MustCompile(`(?m)^# want (.*)$`)
	paramsLine = regexp.MustCompile(`(?m)^# params (.*)$`)
	quoted     = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	separator  = regexp.MustCompile(`(?m)^---[ \t]*$\n?`)
)

// Cases reads a file of cases.
func Cases(raw []byte) ([]Case, error) {
	var out []Case
	dec := snapshot.NewDecoder()
	line := 1
	for _, doc := range separator.Split(string(raw), -1) {
		start := line
		line += strings.Count(doc, "\n") + 1
		c := Case{Line: start, Text: doc}
		var written map[string]any
		if err := unmarshal(doc, &written); err != nil {
			return nil, fmt.Errorf("line %d: %w", start, err)
		}
		if written == nil {
			continue
		}
		var err error
		if c.Object, err = dec.Decode(written, snapshot.Origin{Line: start}); err != nil {
			return nil, fmt.Errorf("line %d: %w", start, err)
		}
		c.Name = c.Object.Kind + "/" + c.Object.Name
		for _, m := range wantLine.FindAllStringSubmatch(doc, -1) {
			for _, q := range quoted.FindAllString(m[1], -1) {
				s, err := strconv.Unquote(q)
				if err != nil {
					return nil, fmt.Errorf("line %d: want %s: %w", start, q, err)
				}
				c.Want = append(c.Want, s)
			}
			if len(c.Want) == 0 {
				return nil, fmt.Errorf("line %d: a want comment names no item", start)
			}
		}
		if m := paramsLine.FindStringSubmatch(doc); m != nil {
			if err := json.Unmarshal([]byte(m[1]), &c.Params); err != nil {
				return nil, fmt.Errorf("line %d: params: %w", start, err)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// unmarshal reads YAML with whole numbers as int64, as the API machinery does.
func unmarshal(doc string, into *map[string]any) error {
	raw, err := yaml.YAMLToJSONStrict([]byte(doc))
	if err != nil {
		return err
	}
	return kjson.Unmarshal(raw, into)
}

// Params is the ConfigMap that carries parameters to a policy.
func Params(check string, values map[string]string) []map[string]any {
	if len(values) == 0 {
		return nil
	}
	data := map[string]any{}
	for k, v := range values {
		data[k] = v
	}
	return []map[string]any{{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": check, "namespace": "seaworthy"}, "data": data,
	}}
}

// Request is the admission request that creating the object makes.
func Request(o *snapshot.Object) *cel.Request {
	gvk := o.GVK()
	gvk.Group, gvk.Version = o.Resource.Group, o.Resource.Version
	r := &cel.Request{
		Object: o.Canonical, Kind: gvk, Resource: o.Resource, Namespace: o.EffectiveNamespace(),
		Name: o.Name, Operation: "CREATE", PodTemplate: o.Template != nil,
	}
	if r.Namespace != "" {
		r.NamespaceObject = map[string]any{"metadata": map[string]any{
			"name": r.Namespace, "labels": map[string]any{"kubernetes.io/metadata.name": r.Namespace},
		}}
	}
	return r
}

// Of reads the cases of one check.
func Of(tree fs.FS, s checks.Source) ([]Case, error) {
	raw, err := fs.ReadFile(tree, Path(s.File))
	if err != nil {
		return nil, fmt.Errorf("read the cases of %s: %w", s.ID, err)
	}
	cases, err := Cases(raw)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", Path(s.File), err)
	}
	return cases, nil
}

// Run runs the cases of one check and gives a result for each.
func Run(tree fs.FS, s checks.Source) ([]Result, error) {
	cases, err := Of(tree, s)
	if err != nil {
		return nil, err
	}
	plain := engine(s, nil) // compiled once for all cases without parameters
	out := make([]Result, 0, len(cases))
	for _, c := range cases {
		e := plain
		if len(c.Params) > 0 {
			e = engine(s, c.Params)
		}
		out = append(out, Result{Check: s.ID, Case: c, Problem: run(e, c)})
	}
	return out, nil
}

func engine(s checks.Source, params map[string]string) *cel.Engine {
	return cel.New([]cel.Policy{{ID: s.ID, Spec: &s.Policy.Spec, Params: Params(s.ID, params)}})
}

func run(engine *cel.Engine, c Case) string {
	if len(c.Object.Schema) > 0 {
		return fmt.Sprintf("the case is not valid: %s: %s", c.Object.Schema[0].Path, c.Object.Schema[0].Message)
	}
	if err := engine.Compile(0); err != nil {
		return err.Error()
	}
	var v cel.Verdict
	applies := false
	engine.Evaluator().Judge(Request(c.Object), nil, func(_ int, got cel.Verdict) { v, applies = got, true })
	switch {
	case !applies:
		return "the check does not apply to this object"
	case v.Err != nil:
		return v.Err.Error()
	case v.Denied != (len(c.Want) > 0):
		return fmt.Sprintf("items %q, want %q", v.Items, c.Want)
	}
	got := make([]string, len(v.Items))
	for i, item := range v.Items {
		got[i], _, _ = strings.Cut(item, snapshot.Remark)
		if it := c.Object.Item(item, ""); it.Path == "" {
			return fmt.Sprintf("item %q leads nowhere", item)
		}
	}
	want := slices.Clone(c.Want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Sprintf("items %q, want %q", got, want)
	}
	return ""
}

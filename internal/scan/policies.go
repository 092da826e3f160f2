// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
)

// ownPolicies are the ValidatingAdmissionPolicies of a user's folder.
type ownPolicies struct {
	checks   []seaworthy.Check
	policies []cel.Policy
	problems []seaworthy.Problem
	skipped  []seaworthy.Problem
	files    []string

	bindings []binding
	others   []map[string]any // what may serve as params
}

const maxPolicyFile = 10 << 20

// loadPolicies reads the folder's YAML and JSON files. Policies are checks; bindings
// limit them; any other object may be a param of theirs.
func loadPolicies(dir string) *ownPolicies {
	o := &ownPolicies{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			o.problems = append(o.problems, seaworthy.Problem{File: path, Message: err.Error()})
			return nil
		}
		hidden := strings.HasPrefix(e.Name(), ".") && path != dir
		if e.IsDir() {
			if hidden || e.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if ext := filepath.Ext(path); !hidden && slices.Contains([]string{".yaml", ".yml", ".json"}, ext) {
			o.file(path)
		}
		return nil
	})
	if err != nil {
		o.problems = append(o.problems, seaworthy.Problem{File: dir, Message: err.Error()})
	}
	o.bind()
	return o
}

func (o *ownPolicies) file(path string) {
	complain := func(err error) {
		o.problems = append(o.problems, seaworthy.Problem{File: path, Message: err.Error()})
	}
	if st, err := os.Stat(path); err == nil && st.Size() > maxPolicyFile {
		complain(fmt.Errorf("the policy file is larger than %d MB", maxPolicyFile>>20))
		return
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		complain(err)
		return
	}
	for _, d := range documents(raw) {
		if d.err == nil {
			d.err = o.document(path, d.text)
		}
		if d.err != nil {
			o.problems = append(o.problems, problem(path, d))
		}
	}
}

// document is one document of a stream.
type document struct {
	text []byte
	line int // of the stream, where it begins
	err  error
}

// documents splits a stream.
func documents(raw []byte) []document {
	var out []document
	docs := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw)))
	for at := 0; ; {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if i := bytes.Index(raw[at:], doc); i >= 0 {
			at += i
		}
		out = append(out, document{text: doc, line: 1 + bytes.Count(raw[:at], []byte{'\n'}), err: err})
		if err != nil {
			return out
		}
	}
}

// atLine is how the YAML library begins what it has to say of a document.
var atLine = regexp.MustCompile(`^error converting YAML to JSON: yaml: (?:line (\d+): )?`)

// problem says where in the file a document is wrong.
func problem(path string, d document) seaworthy.Problem {
	p := seaworthy.Problem{File: path, Line: d.line, Message: d.err.Error()}
	if m := atLine.FindStringSubmatch(p.Message); m != nil {
		p.Message = "is not valid YAML: " + strings.TrimPrefix(p.Message, m[0])
		if n, err := strconv.Atoi(m[1]); err == nil {
			p.Line += n - 1
		}
	}
	return p
}

func (o *ownPolicies) document(path string, doc []byte) error {
	var m map[string]any
	if err := yaml.Unmarshal(doc, &m); err != nil {
		return err
	}
	group, _, _ := strings.Cut(fmt.Sprint(m["apiVersion"]), "/")
	switch {
	case m == nil:
		return nil
	case group == "admissionregistration.k8s.io" && m["kind"] == "ValidatingAdmissionPolicy":
		return o.policy(path, doc)
	case group == "admissionregistration.k8s.io" && m["kind"] == "ValidatingAdmissionPolicyBinding":
		b := &admissionv1.ValidatingAdmissionPolicyBinding{}
		if err := yaml.UnmarshalStrict(doc, b); err != nil {
			return err
		}
		o.bindings = append(o.bindings, binding{b, path})
	case m["kind"] != nil && m["metadata"] != nil:
		o.others = append(o.others, m)
	}
	return nil
}

func (o *ownPolicies) policy(path string, doc []byte) error {
	s, err := describe(path, doc)
	if err != nil {
		return err
	}
	policy := cel.Policy{ID: s.ID, Spec: &s.Policy.Spec}
	if err := cel.New([]cel.Policy{policy}).Compile(0); err != nil {
		return fmt.Errorf("policy %s: %w", s.Policy.Name, err)
	}
	o.checks = append(o.checks, s.Check)
	o.policies = append(o.policies, policy)
	if !slices.Contains(o.files, path) {
		o.files = append(o.files, path)
	}
	return nil
}

// describe reads a policy of the user. What its annotations do not say is said of it.
func describe(path string, doc []byte) (*checks.Source, error) {
	p := &admissionv1.ValidatingAdmissionPolicy{}
	if err := yaml.UnmarshalStrict(doc, p); err != nil {
		return nil, err
	}
	k, err := checks.Describe(p)
	if err != nil {
		return nil, err
	}
	k.ID = idOf(p.Name)
	k.Custom, k.File = true, path
	k.Title = cmp.Or(k.Title, strings.ReplaceAll(p.Name, "-", " "))
	k.Severity = cmp.Or(k.Severity, seaworthy.Medium)
	k.Category = cmp.Or(k.Category, "Governance")
	k.Remediation = cmp.Or(k.Remediation, "Change the object so that the policy "+p.Name+" holds.")
	return &checks.Source{Check: k, Policy: p, Raw: doc}, k.Validate()
}

// idOf makes the id of a check of the name of a policy.
func idOf(policy string) string { return strings.NewReplacer(".", "-", "_", "-").Replace(policy) }

// OwnPolicies reads the ValidatingAdmissionPolicies of one file of the user's.
func OwnPolicies(path string) ([]checks.Source, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, seaworthy.Invalid("%v", err)
	}
	var out []checks.Source
	for _, d := range documents(raw) {
		var kind struct{ Kind string }
		if d.err == nil {
			d.err = yaml.Unmarshal(d.text, &kind)
		}
		var s *checks.Source
		if d.err == nil && kind.Kind == "ValidatingAdmissionPolicy" {
			s, d.err = describe(path, d.text)
		}
		if d.err != nil {
			p := problem(path, d)
			return nil, seaworthy.Invalid("%s:%d: %s", p.File, p.Line, p.Message)
		}
		if s != nil {
			out = append(out, *s)
		}
	}
	return out, nil
}

// bind gives each policy its bindings and the objects of its param kind.
func (o *ownPolicies) bind() {
	for i := range o.policies {
		p := &o.policies[i]
		for _, b := range o.bindings {
			if idOf(b.Spec.PolicyName) == p.ID {
				p.Bindings = append(p.Bindings, b.ValidatingAdmissionPolicyBinding)
			}
		}
		if kind := p.Spec.ParamKind; kind != nil {
			for _, param := range o.others {
				if param["kind"] == kind.Kind && param["apiVersion"] == kind.APIVersion {
					p.Params = append(p.Params, param)
				}
			}
		}
	}
	for _, b := range o.bindings {
		if !slices.ContainsFunc(o.policies, func(p cel.Policy) bool { return p.ID == idOf(b.Spec.PolicyName) }) {
			o.skipped = append(o.skipped, seaworthy.Problem{File: b.file, Message: "binds the policy " + b.Spec.PolicyName + ", which the folder does not hold"})
		}
	}
}

type binding struct {
	*admissionv1.ValidatingAdmissionPolicyBinding
	file string
}

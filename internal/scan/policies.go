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
	"slices"
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
	files    []string

	bindings []*admissionv1.ValidatingAdmissionPolicyBinding
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
	docs := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw)))
	for {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			complain(err)
			return
		}
		if err := o.document(path, doc); err != nil {
			complain(err)
		}
	}
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
		o.bindings = append(o.bindings, b)
	case m["kind"] != nil && m["metadata"] != nil:
		o.others = append(o.others, m)
	}
	return nil
}

func (o *ownPolicies) policy(path string, doc []byte) error {
	p := &admissionv1.ValidatingAdmissionPolicy{}
	if err := yaml.UnmarshalStrict(doc, p); err != nil {
		return err
	}
	k, err := checks.Describe(p)
	if err != nil {
		return err
	}
	k.ID = strings.NewReplacer(".", "-", "_", "-").Replace(k.ID)
	k.Custom, k.File = true, path
	k.Title = cmp.Or(k.Title, strings.ReplaceAll(p.Name, "-", " "))
	k.Severity = cmp.Or(k.Severity, seaworthy.Medium)
	k.Category = cmp.Or(k.Category, "Custom")
	k.Remediation = cmp.Or(k.Remediation, "Change the object so that the policy "+p.Name+" holds.")
	if err := k.Validate(); err != nil {
		return err
	}
	policy := cel.Policy{ID: k.ID, Spec: &p.Spec}
	if err := cel.New([]cel.Policy{policy}).Compile(0); err != nil {
		return fmt.Errorf("policy %s: %w", p.Name, err)
	}
	o.checks = append(o.checks, k)
	o.policies = append(o.policies, policy)
	if !slices.Contains(o.files, path) {
		o.files = append(o.files, path)
	}
	return nil
}

// bind gives each policy its bindings and the objects of its param kind.
func (o *ownPolicies) bind() {
	for i := range o.policies {
		p := &o.policies[i]
		for _, b := range o.bindings {
			if strings.NewReplacer(".", "-", "_", "-").Replace(b.Spec.PolicyName) == p.ID {
				p.Bindings = append(p.Bindings, b)
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
}

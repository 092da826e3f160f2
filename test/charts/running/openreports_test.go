// SPDX-License-Identifier: Apache-2.0

//go:build unix

package running

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// definition is that of a kind of report, with the fields that are written: what it does
// not name the API server drops, and what has another form it refuses.
func definition(kind, plural, scope string) map[string]any {
	type m = map[string]any
	text, number := m{"type": "string"}, m{"type": "integer"}
	words := m{"type": "object", "additionalProperties": text}
	reference := m{"type": "object", "properties": m{"apiVersion": text, "kind": text, "namespace": text, "name": text}}
	result := m{"type": "object", "required": []string{"policy", "source"}, "properties": m{
		"source": text, "policy": text, "rule": text, "category": text, "message": text, "scored": m{"type": "boolean"}, "properties": words,
		"severity": m{"type": "string", "enum": []string{"critical", "high", "medium", "low", "info"}},
		"result":   m{"type": "string", "enum": []string{"pass", "fail", "warn", "error", "skip"}},
		"timestamp": m{"type": "object", "required": []string{"seconds", "nanos"}, "properties": m{
			"seconds": m{"type": "integer", "format": "int64"}, "nanos": m{"type": "integer", "format": "int32"},
		}},
		"resources": m{"type": "array", "items": reference},
	}}
	return m{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": m{"name": plural + ".openreports.io", "annotations": m{"api-approved.kubernetes.io": "unapproved, for a test"}},
		"spec": m{
			"group": "openreports.io", "scope": scope, "names": m{"kind": kind, "plural": plural, "singular": strings.ToLower(kind), "listKind": kind + "List"},
			"versions": []any{m{"name": "v1alpha1", "served": true, "storage": true, "schema": m{"openAPIV3Schema": m{
				"type": "object", "properties": m{
					"apiVersion": text, "kind": text, "metadata": m{"type": "object"}, "source": text, "scope": reference,
					"results": m{"type": "array", "items": result},
					"summary": m{"type": "object", "properties": m{"pass": number, "fail": number, "warn": number, "error": number, "skip": number}},
				},
			}}}},
		},
	}
}

// raw makes a request of the administrator's.
func (s *site) raw(verb, path string, body any) ([]byte, error) {
	r := s.admin.RESTClient().Verb(verb).AbsPath(path)
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = r.SetHeader("Content-Type", "application/json").Body(text)
	}
	return r.DoRaw(s.Context())
}

type openReport struct {
	Metadata struct{ Name, Namespace, UID string }
	Results  []struct {
		Policy, Result, Severity string
		Resources                []struct{ Kind, Name string }
	}
	Summary map[string]int
}

func (s *site) openReports(path string) []openReport {
	s.Helper()
	text, err := s.raw("GET", "/apis/openreports.io/v1alpha1/"+path, nil)
	var list struct{ Items []openReport }
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		s.Fatal(err)
	}
	return list.Items
}

// about lists the checks that reports name for an object.
func about(list []openReport, name string) (out []string) {
	for _, r := range list {
		for _, v := range r.Results {
			if len(v.Resources) == 1 && v.Resources[0].Name == name && v.Result == "fail" {
				out = append(out, v.Policy)
			}
		}
	}
	return out
}

// TestOpenReports has the agent keep Reports in the cluster: they follow what is found, are
// updated in place, go when nothing is found any more, and the agent's rights for it are
// those of the chart, which it has only then.
func TestOpenReports(t *testing.T) {
	s := newSite(t, "openReports.enabled=true")
	for _, d := range []map[string]any{definition("Report", "reports", "Namespaced"), definition("ClusterReport", "clusterreports", "Cluster")} {
		if _, err := s.raw("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", d); err != nil {
			t.Fatal(err)
		}
	}
	const shop = "namespaces/shop/reports"
	labels := func(managed string) map[string]any { return map[string]any{"app.kubernetes.io/managed-by": managed} }
	for name, by := range map[string]string{"left-behind": "seaworthy", "of-somebody-else": "kyverno"} {
		o := map[string]any{"apiVersion": "openreports.io/v1alpha1", "kind": "Report", "metadata": map[string]any{"name": name, "labels": labels(by)}, "source": by}
		s.until("reports are served", func() error {
			_, err := s.raw("POST", "/apis/openreports.io/v1alpha1/"+shop, o)
			return err
		})
	}
	p := s.pod(0)
	s.working(p, true)
	ctx, apps := t.Context(), s.user("jane", "system:masters").AppsV1().Deployments("shop")
	if _, err := apps.Create(ctx, workload("web"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	uid := ""
	s.until("a report says what is wrong with the workload", func() error {
		list := s.openReports(shop)
		if !slices.Contains(about(list, "web"), "image-tag-mutable") {
			return fmt.Errorf("%+v", list)
		}
		i := slices.IndexFunc(list, func(r openReport) bool { return slices.Contains(about([]openReport{r}, "web"), "image-tag-mutable") })
		if uid = list[i].Metadata.UID; list[i].Summary["fail"] != len(list[i].Results) {
			return fmt.Errorf("the summary is %v of %d results", list[i].Summary, len(list[i].Results))
		}
		return nil
	})
	image := `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"nginx@sha256:` + strings.Repeat("0", 64) + `"}]}}}}`
	if _, err := apps.Patch(ctx, "web", types.StrategicMergePatchType, []byte(image), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	s.until("the same report says what is still wrong with it", func() error {
		list := s.openReports(shop)
		if got := about(list, "web"); len(got) == 0 || slices.Contains(got, "image-tag-mutable") {
			return fmt.Errorf("%q", got)
		}
		if len(list) != 2 || !slices.ContainsFunc(list, func(r openReport) bool { return r.Metadata.UID == uid }) {
			return fmt.Errorf("it is another one, or what was left behind is there: %+v", list)
		}
		return nil
	})
	if len(s.openReports("clusterreports")) != 1 {
		t.Errorf("reports on what is in no namespace: %+v", s.openReports("clusterreports"))
	}
	if err := apps.Delete(ctx, "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.until("nothing is said of what is gone, and what somebody else said stays", func() error {
		list := s.openReports(shop)
		if got := about(list, "web"); len(got) != 0 || !slices.ContainsFunc(list, func(r openReport) bool { return r.Metadata.Name == "of-somebody-else" }) {
			return fmt.Errorf("%+v", list)
		}
		for _, r := range list {
			if len(r.Results) == 0 && r.Metadata.Name != "of-somebody-else" {
				return fmt.Errorf("an empty report stays: %+v", r)
			}
		}
		return nil
	})
	s.rightsAreExact(p)
	s.nothingForbidden()
	s.intact()
}

// SPDX-License-Identifier: Apache-2.0

package changes_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}

func TestDiff(t *testing.T) {
	pod := func(spec string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","resourceVersion":"7","labels":{"app.kubernetes.io/name":"a"}},"spec":` + spec + `}`
	}
	for name, test := range map[string]struct {
		before, after string
		want          []seaworthy.Edit
	}{
		"nothing but what every write moves": {
			`{"metadata":{"resourceVersion":"1","generation":1},"status":{"a":1}}`,
			`{"metadata":{"resourceVersion":"2","generation":2},"status":{"a":2}}`, nil,
		},
		"a container by its name": {
			pod(`{"containers":[{"name":"app","image":"a:1"},{"name":"proxy","image":"p:1"}]}`),
			pod(`{"containers":[{"name":"app","image":"a:2"},{"name":"proxy","image":"p:1"}]}`),
			[]seaworthy.Edit{{Path: "spec.containers[app].image", Before: `"a:1"`, After: `"a:2"`}},
		},
		"a container more, not the one that moved": {
			pod(`{"containers":[{"name":"app"}]}`), pod(`{"containers":[{"name":"proxy"},{"name":"app"}]}`),
			[]seaworthy.Edit{{Path: "spec.containers[proxy]", After: `{"name":"proxy"}`}},
		},
		"another order": {
			pod(`{"containers":[{"name":"a"},{"name":"b"}]}`), pod(`{"containers":[{"name":"b"},{"name":"a"}]}`),
			[]seaworthy.Edit{{Path: "spec.containers", Before: `["a","b"]`, After: `["b","a"]`}},
		},
		"a list without names is shown whole": {
			pod(`{"args":["a","b"]}`), pod(`{"args":["a"]}`),
			[]seaworthy.Edit{{Path: "spec.args", Before: `["a","b"]`, After: `["a"]`}},
		},
		"a list where two have one name is shown whole": {
			pod(`{"ports":[{"name":"a","p":1},{"name":"a","p":2}]}`), pod(`{"ports":[{"name":"a","p":1}]}`),
			[]seaworthy.Edit{{Path: "spec.ports", Before: `[{"name":"a","p":1},{"name":"a","p":2}]`, After: `[{"name":"a","p":1}]`}},
		},
		"the first of a list": {
			pod(`{"volumes":[]}`), pod(`{"volumes":[{"name":"v"}]}`),
			[]seaworthy.Edit{{Path: "spec.volumes[v]", After: `{"name":"v"}`}},
		},
		"a label with dots": {
			`{"metadata":{"labels":{"app.kubernetes.io/name":"a"}}}`, `{"metadata":{"labels":{"app.kubernetes.io/name":"b"}}}`,
			[]seaworthy.Edit{{Path: "metadata.labels[app.kubernetes.io/name]", Before: `"a"`, After: `"b"`}},
		},
		"a new object": {
			`null`, `{"kind":"ConfigMap","metadata":{"name":"c"},"data":{"k":"<&>"}}`,
			[]seaworthy.Edit{{Path: "data", After: `{"k":"<&>"}`}, {Path: "metadata.name", After: `"c"`}},
		},
		"a deleted object": {
			`{"kind":"ConfigMap","metadata":{"name":"c"}}`, `null`,
			[]seaworthy.Edit{{Path: "metadata.name", Before: `"c"`}},
		},
		"another type": {
			`{"spec":{"a":[1]}}`, `{"spec":{"a":{"b":1}}}`,
			[]seaworthy.Edit{{Path: "spec.a", Before: `[1]`, After: `{"b":1}`}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, left := changes.Diff(object(t, test.before), object(t, test.after))
			if d := cmp.Diff(test.want, got); d != "" || left != 0 {
				t.Errorf("left out %d; %s", left, d)
			}
		})
	}
}

func TestDiffHasLimits(t *testing.T) {
	many, long := map[string]any{}, map[string]any{"data": strings.Repeat("é", changes.MaxValue)}
	for i := range changes.MaxEdits + 5 {
		many[fmt.Sprint(i)] = i
	}
	edits, left := changes.Diff(nil, many)
	if len(edits) != changes.MaxEdits || left != 5 {
		t.Errorf("%d edits and %d left out, want %d and 5", len(edits), left, changes.MaxEdits)
	}
	edits, _ = changes.Diff(nil, long)
	if len(edits) != 1 || len(edits[0].After) > changes.MaxValue+len("…") || !strings.HasSuffix(edits[0].After, "é…") {
		t.Errorf("a long value is not cut at a character: %q", edits[0].After[len(edits[0].After)-10:])
	}
}

func TestSecretsAreRedacted(t *testing.T) {
	key := []byte("k")
	secret := object(t, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","annotations":{
		"kubectl.kubernetes.io/last-applied-configuration":"{\"stringData\":{\"password\":\"hunter2\"}}"},
		"managedFields":[{"manager":"kubectl"}]},"data":{"password":"aHVudGVyMg=="},"stringData":{"password":"hunter2"}}`)
	got := changes.Redact(secret, key)
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"hunter2", "aHVudGVyMg", "last-applied", "managedFields"} {
		if strings.Contains(string(text), part) {
			t.Errorf("%q is left in %s", part, text)
		}
	}
	if got["data"].(map[string]any)["password"] != got["stringData"].(map[string]any)["password"] {
		t.Error("the same value has two digests")
	}
	other := changes.Redact(secret, []byte("other"))
	if cmp.Equal(got["data"], other["data"]) {
		t.Error("the digest does not depend on the key")
	}
	if secret["data"].(map[string]any)["password"] != "aHVudGVyMg==" || len(secret["metadata"].(map[string]any)) != 3 {
		t.Error("the object itself was changed")
	}
	odd := changes.Redact(object(t, `{"apiVersion":"v1","kind":"Secret","data":"hunter2","stringData":{"n":5}}`), key)
	if odd["data"] != nil || strings.Contains(fmt.Sprint(odd), ":5") {
		t.Errorf("an odd Secret keeps values: %v", odd)
	}
}

func TestDigestIsThatOfTheContent(t *testing.T) {
	base := `{"metadata":{"name":"a","resourceVersion":"1"},"spec":{"x":1},"status":{"y":1}}`
	same := `{"metadata":{"name":"a","resourceVersion":"2","managedFields":[]},"spec":{"x":1}}`
	other := `{"metadata":{"name":"a","resourceVersion":"1"},"spec":{"x":2}}`
	if changes.Digest(object(t, base)) != changes.Digest(object(t, same)) {
		t.Error("a resource version or status moves the digest")
	}
	if changes.Digest(object(t, base)) == changes.Digest(object(t, other)) {
		t.Error("another content has the same digest")
	}
}

// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"encoding/json"
	"strings"
	"testing"

	k8sjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/test/reviews"
)

// FuzzCanonical holds the text of digests against that of encoding/json, with numbers as
// encoding/json and as API machinery decodes them.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{
		`null`, `[]`, `{}`, `[null,true,false,0,-1,1.5,1e21,12345678901234567890]`, `{"b":[{"a":{}},""],"a":"<&>\"\\\n\u2028é"}`,
		`{"é":1,"a":2,"":3,"\u0000":4}`, `"\ud800"`,
	} {
		f.Add(seed)
	}
	for _, w := range reviews.Mix("1") {
		f.Add(string(w.Review("1")))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, decode := range map[string]func([]byte, any) error{
			"encoding/json": json.Unmarshal, "apimachinery": func(b []byte, v any) error { return k8sjson.Unmarshal(b, v) },
		} {
			var value any
			if decode([]byte(text), &value) != nil {
				continue
			}
			want, err := json.Marshal(value)
			if err != nil {
				continue
			}
			if got := string(appendJSON(nil, value)); got != string(want) {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	})
}

func BenchmarkDigest(b *testing.B) {
	var review struct {
		Request struct{ Object map[string]any }
	}
	for _, w := range reviews.Mix("1") {
		if text := string(w.Review("1")); strings.Contains(text, `"Deployment"`) {
			if err := json.Unmarshal([]byte(text), &review); err != nil {
				b.Fatal(err)
			}
			break
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if Digest(review.Request.Object) == "" {
			b.Fatal("no object was digested")
		}
	}
}

// TestAppendJSON writes observations as encoding/json does.
func TestAppendJSON(t *testing.T) {
	object := map[string]any{"kind": "Pod", "spec": map[string]any{"n": int64(3), "f": 1.5, "text": "<a>\n", "list": []any{true, nil}}}
	for name, o := range map[string]Observation{
		"nothing":       {},
		"of a review":   {Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, ID: "<1>", Judged: []seaworthy.Judgement{{Check: "c", Items: []string{"a"}}}}, Before: object, After: object},
		"of an owner":   {Verb: seaworthy.VerbCreate, After: object, Owner: &Owner{UID: "u1"}},
		"empty objects": {Before: map[string]any{}, After: map[string]any{}},
	} {
		want, err := json.Marshal(&o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := o.AppendJSON([]byte("x"))
		if err != nil || string(got) != "x"+string(want) {
			t.Errorf("%s: %s (%v), want x%s", name, got, err, want)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	object := map[string]any{}
	for _, w := range reviews.Mix("1") {
		object[w.Name] = w.Object
	}
	o := Observation{Before: object, After: object}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.AppendJSON(nil); err != nil {
			b.Fatal(err)
		}
	}
}

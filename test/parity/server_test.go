// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"cmp"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// What the server makes of warnings (k8s.io/apiserver/pkg/endpoints/filters/warning.go):
// when all together are longer than the first, it cuts each to the second and sends them
// until the first is reached.
const (
	allWarnings = 4096
	oneWarning  = 256
)

// cutMark ends a message that the server may have cut.
const cutMark = "\x00"

// server asks a kube-apiserver.
type server struct {
	rest rest.Interface
	// checks names the check of each policy.
	checks map[string]string
}

func newServer(t *testing.T, config *rest.Config) *server {
	t.Helper()
	c := rest.CopyConfig(config)
	c.WarningHandlerWithContext = hearing{}
	c.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(c)
	if err != nil {
		t.Fatal(err)
	}
	return &server{rest: client}
}

// hearing hands the warnings of a response to whoever asked, by the context.
type hearing struct{}

type warnings struct{ texts []string }

type warningsKey struct{}

// HandleWarningHeaderWithContext is called by the client for every warning.
func (hearing) HandleWarningHeaderWithContext(ctx context.Context, _ int, _, text string) {
	if w, ok := ctx.Value(warningsKey{}).(*warnings); ok {
		w.texts = append(w.texts, text)
	}
}

// place is where objects of a resource are in the API.
func place(gvr kschema.GroupVersionResource, namespace string, more ...string) []string {
	path := []string{"/apis", gvr.Group, gvr.Version}
	if gvr.Group == "" {
		path = []string{"/api", gvr.Version}
	}
	if namespace != "" {
		path = append(path, "namespaces", namespace)
	}
	return append(append(path, gvr.Resource), more...)
}

// A call is a request to the server. Groups are those of the user on whose behalf it is
// made; the administrator makes it himself where there are none.
type call struct {
	verb       string
	path       []string
	body       map[string]any
	dryRun     bool
	validation string // of fields: Strict, Warn (the default) or Ignore
	groups     []string
}

func (s *server) do(ctx context.Context, c call) (map[string]any, []string, error) {
	w := &warnings{}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, warningsKey{}, w), 2*time.Minute)
	defer cancel()
	r := s.rest.Verb(c.verb).AbsPath(c.path...)
	if c.body != nil {
		raw, err := json.Marshal(c.body)
		if err != nil {
			return nil, nil, err
		}
		r = r.SetHeader("Content-Type", "application/json").Body(raw)
	}
	if c.dryRun {
		r = r.Param("dryRun", "All")
	}
	if c.validation != "" {
		r = r.Param("fieldValidation", c.validation)
	}
	if len(c.groups) > 0 {
		r = r.SetHeader("Impersonate-User", "parity").SetHeader("Impersonate-Group", append([]string{"system:masters"}, c.groups...)...)
	}
	answer := r.Do(ctx)
	raw, err := answer.Raw()
	if err != nil {
		return nil, w.texts, cmp.Or(answer.Error(), err) // the former reads the server's words
	}
	var out map[string]any
	return out, w.texts, kjson.Unmarshal(raw, &out)
}

var ofPolicy = regexp.MustCompile(`(?s)^Validation failed for ValidatingAdmissionPolicy '([^']*)' with binding '[^']*': (.*)$`)

// denials reads the checks that fail, with their messages, from warnings. It tells
// whether some may be missing.
func (s *server) denials(texts []string) (denied map[string]string, complete bool) {
	denied = map[string]string{}
	total := 0
	for _, text := range texts {
		n := utf8.RuneCountInString(text)
		total += n
		if m := ofPolicy.FindStringSubmatch(text); m != nil {
			if n == oneWarning {
				m[2] += cutMark
			}
			denied[s.checks[m[1]]] = m[2]
		}
	}
	return denied, total < allWarnings
}

// apply makes one request on behalf of all policies of the groups, and further ones
// where the warnings are too many for one response.
func (s *server) apply(ctx context.Context, c call) (map[string]any, map[string]string, error) {
	returned, texts, err := s.do(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	denied, complete := s.denials(texts)
	if complete || len(c.groups) == 1 {
		return returned, denied, nil
	}
	groups := c.groups
	for part := range slices.Chunk(groups, (len(groups)+1)/2) {
		c.groups = part
		_, some, err := s.apply(ctx, c)
		if err != nil {
			return nil, nil, err
		}
		for id, text := range some {
			denied[id] = text
		}
	}
	return returned, denied, nil
}

// reason shortens what the server says of an object that it does not accept.
func reason(err error) string {
	text := err.Error()
	if apierrors.IsNotFound(err) && strings.Contains(text, "the server could not find the requested resource") {
		text = "the server does not serve this resource"
	}
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return strings.ReplaceAll(text, "\n", " ")
}

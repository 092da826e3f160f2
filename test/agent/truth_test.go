// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// written is one write that the test itself made, as the API server answered it.
type written struct {
	kind, name, verb string
	version, content string // what came of it
	uid              string
	from, to         time.Time
}

func (o *written) String() string {
	return fmt.Sprintf("%s %s %s/%s (version %s)", clock(o.from), o.verb, o.kind, o.name, o.version)
}

// writer changes objects of several kinds, and remembers what it did.
type writer struct {
	w     *world
	u     *user
	key   []byte // of the digests of Secrets
	n     int
	all   []written
	there map[string]string // UIDs
}

// perKind is how many objects of a kind there are at most.
const perKind = 12

// changed are the kinds that a writer changes, with what makes one object of each, different
// for each number.
var changed = []struct {
	kind, apiVersion, path string
	body                   func(n int) object
}{
	{"ConfigMap", "v1", "/api/v1/namespaces/shop/configmaps", func(n int) object { return object{"data": object{"n": fmt.Sprint(n)}} }},
	{"Deployment", "apps/v1", deployments, func(n int) object {
		spec := deployment("any", n%7)["spec"].(object)
		spec["template"].(object)["spec"].(object)["containers"].([]any)[0].(object)["env"] = []object{{"name": "N", "value": fmt.Sprint(n)}}
		return object{"spec": spec}
	}},
	{"Role", "rbac.authorization.k8s.io/v1", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles", func(n int) object {
		return object{"rules": []object{{"apiGroups": []string{""}, "resources": []string{"pods"}, "verbs": []string{"get"}, "resourceNames": []string{fmt.Sprint("p", n)}}}}
	}},
	{"Service", "v1", "/api/v1/namespaces/shop/services", func(n int) object {
		return object{"spec": object{"selector": object{"n": fmt.Sprint(n)}, "ports": []object{{"name": "web", "port": 80}}}}
	}},
	{"Secret", "v1", "/api/v1/namespaces/shop/secrets", func(n int) object { return object{"stringData": object{"n": fmt.Sprint("hidden ", n)}} }},
}

func (w *world) writer(u *user) *writer {
	w.t.Helper()
	return &writer{w: w, u: u, key: w.secretsKey(), there: map[string]string{}}
}

// secretsKey is what the values of Secrets are digested with: the server tells the agent.
func (w *world) secretsKey() []byte {
	w.t.Helper()
	data := w.admin().must(http.MethodGet, "/api/v1/namespaces/"+namespace+"/secrets/"+name+"-key", nil)["data"].(object)
	field := func(name string) []byte {
		text, err := base64.StdEncoding.DecodeString(data[name].(string))
		if err != nil {
			w.t.Fatal(err)
		}
		return text
	}
	var who seaworthy.Agent
	if err := json.Unmarshal(field("agent"), &who); err != nil {
		w.t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: w.server.URL(), Key: client.NewAgentKey(who.ID, ed25519.NewKeyFromSeed(field("key")))})
	if err != nil {
		w.t.Fatal(err)
	}
	config, _, err := c.AgentConfiguration(w.t.Context(), "")
	if err != nil {
		w.t.Fatal(err)
	}
	return config.Key
}

// write makes so many writes: creations, updates, patches and deletions, kind by kind.
func (x *writer) write(n int) {
	x.w.t.Helper()
	for range n {
		k := changed[x.n%len(changed)]
		called1 := fmt.Sprintf("c%d", x.n/len(changed)%perKind)
		body, path := called(k.apiVersion, k.kind, "shop", called1, k.body(x.n)), k.path+"/"+called1
		o := written{kind: k.kind, name: called1, verb: seaworthy.VerbUpdate, uid: x.there[path], from: time.Now()}
		var answer object
		switch round := x.n / len(changed) / perKind; {
		case x.there[path] == "":
			o.verb, answer = seaworthy.VerbCreate, x.u.must(http.MethodPost, k.path, body)
		case (round+x.n)%6 == 5:
			o.verb = seaworthy.VerbDelete
			x.u.must(http.MethodDelete, path, nil)
		case x.n%2 == 0:
			answer = x.u.must(http.MethodPatch, path, body)
		default:
			answer = x.u.must(http.MethodPut, path, body)
		}
		o.to = time.Now()
		x.there[path] = ""
		if answer != nil {
			meta := answer["metadata"].(object)
			o.version, o.uid, o.content = meta["resourceVersion"].(string), meta["uid"].(string), changes.Digest(changes.Redact(answer, x.key))
			x.there[path] = o.uid
		}
		x.all = append(x.all, o)
		x.n++
	}
}

// tells tells whether a change on record is of this write: by the version that it led to, by
// when an audit event says that it was asked for, or by what the object then was.
func (o *written) tells(c *seaworthy.Change) bool {
	relisted := slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.Relisted }) // that shows what is there, not how it came to be
	switch {
	case c.Object.Kind != o.kind || c.Object.Name != o.name || c.Verb != o.verb && !(relisted && o.verb != seaworthy.VerbDelete && c.Verb != seaworthy.VerbDelete):
		return false
	case o.verb == seaworthy.VerbDelete && c.Object.UID != "":
		return c.Object.UID == o.uid
	case o.version != "" && c.Object.ResourceVersion != "":
		return c.Object.ResourceVersion == o.version
	}
	for _, s := range c.Sightings {
		if s.By == seaworthy.SeenByAudit {
			return o.during(s.At)
		}
	}
	if o.content != "" && c.Object.Content != "" {
		return c.Object.Content == o.content
	}
	return o.during(c.At)
}

// during tells whether the API server may have been asked at a time.
func (o *written) during(at time.Time) bool {
	return !at.Before(o.from.Add(-time.Millisecond)) && !at.After(o.to.Add(time.Millisecond))
}

// recorded are the changes on record of what the writer writes.
func (x *writer) recorded() ([]seaworthy.Change, error) {
	list, err := x.w.tryChanges(url.Values{"source": {x.w.source.ID}, "namespace": {"shop"}})
	return slices.DeleteFunc(list, func(c seaworthy.Change) bool {
		return begunAgain(&c) || !strings.HasPrefix(c.Object.Name, "c") || !slices.ContainsFunc(x.all, func(o written) bool { return o.kind == c.Object.Kind })
	}), err
}

// once holds what is on record against what was written: each change is of one write and no
// two are of the same. It gives the writes of which nothing is on record.
func (x *writer) once(list []seaworthy.Change) (missing []*written, err error) {
	of := map[string][]int{}
	for i := range x.all {
		o := &x.all[i]
		of[o.kind+"/"+o.name] = append(of[o.kind+"/"+o.name], i)
	}
	by := make([]*seaworthy.Change, len(x.all))
	for i := range list {
		c := &list[i]
		at := slices.IndexFunc(of[c.Object.Kind+"/"+c.Object.Name], func(i int) bool { return x.all[i].tells(c) })
		if at < 0 {
			return nil, fmt.Errorf("nobody made this change:\n%s", told1(list[i:i+1]))
		}
		at = of[c.Object.Kind+"/"+c.Object.Name][at]
		if by[at] != nil {
			return nil, fmt.Errorf("%s is on record twice:\n%s", &x.all[at], told1([]seaworthy.Change{*by[at], *c}))
		}
		by[at] = c
		if u := c.Actor.Username; u != "jane" && (u != "" || sighted(c) != seaworthy.SeenByWatch) {
			return nil, fmt.Errorf("%s was made by jane:\n%s", &x.all[at], told1(list[i:i+1]))
		}
	}
	for i := range x.all {
		if by[i] == nil {
			missing = append(missing, &x.all[i])
		}
	}
	return missing, nil
}

// net holds what stands on record last of each object against what the API server holds now.
func (x *writer) net(list []seaworthy.Change) error {
	truth := map[string]object{}
	for _, k := range changed {
		items, _ := x.u.must(http.MethodGet, k.path, nil)["items"].([]any)
		for _, item := range items {
			o := item.(object)
			o["apiVersion"], o["kind"] = k.apiVersion, k.kind
			if name := o["metadata"].(object)["name"].(string); strings.HasPrefix(name, "c") {
				truth[k.kind+"/"+name] = o
			}
		}
	}
	last := map[string]*seaworthy.Change{}
	for i := range list { // the oldest first
		last[list[i].Object.Kind+"/"+list[i].Object.Name] = &list[i]
	}
	for key, c := range last {
		o, there := truth[key]
		delete(truth, key)
		if there != (c.Verb != seaworthy.VerbDelete) {
			return fmt.Errorf("that %s is there is %t, and on record last is:\n%s", key, there, told1([]seaworthy.Change{*c}))
		}
		if !there {
			continue
		}
		version, content := o["metadata"].(object)["resourceVersion"].(string), changes.Digest(changes.Redact(o, x.key))
		if cmp.Or(c.Object.ResourceVersion, version) != version || cmp.Or(c.Object.Content, content) != content {
			return fmt.Errorf("%s is of version %s, content %s, and on record last is version %s, content %s:\n%s",
				key, version, content, c.Object.ResourceVersion, c.Object.Content, told1([]seaworthy.Change{*c}))
		}
		if c.Object.ResourceVersion+c.Object.Content == "" && c.Object.Kind != "Secret" {
			return fmt.Errorf("what became of %s is not on record:\n%s", key, told1([]seaworthy.Change{*c}))
		}
	}
	for key := range truth {
		return fmt.Errorf("%s is there, and nothing of it is on record", key)
	}
	return nil
}

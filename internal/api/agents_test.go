// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// fakeAgent speaks as an agent of a cluster.
type fakeAgent struct {
	w *world
	seaworthy.Agent
	key      ed25519.PrivateKey
	instance string
	sent     map[string]uint64
}

// enrolled enrols an agent of a cluster.
func (w *world) enrolled(source string) *fakeAgent {
	w.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	w.must(err)
	a := &fakeAgent{w: w, key: private, instance: "i1", sent: map[string]uint64{}}
	w.enrol(w.enrolment(source), public).want(http.StatusCreated, &a.Agent)
	return a
}

// enrolment makes the token of an enrolment.
func (w *world) enrolment(source string) string {
	w.Helper()
	var e struct{ ID, Token string }
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/sources/"+source+"/enrolments", nil).want(http.StatusCreated, &e)
	return e.Token
}

func (w *world) enrol(token string, key ed25519.PublicKey) answer {
	w.Helper()
	return w.do(token, http.MethodPost, "/api/v1/agent/enrolment", map[string]string{"publicKey": base64.StdEncoding.EncodeToString(key)})
}

// claims are what a token says that is in order.
func (a *fakeAgent) claims() jwt.Claims {
	return jwt.Claims{
		Subject: a.ID, Audience: jwt.Audience{"seaworthy"}, IssuedAt: jwt.NewNumericDate(a.w.now), Expiry: jwt.NewNumericDate(a.w.now.Add(time.Minute)), ID: rand.Text(),
	}
}

func (a *fakeAgent) sign(key any, alg jose.SignatureAlgorithm, said jwt.Claims) string {
	a.w.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", a.ID))
	a.w.must(err)
	token, err := jwt.Signed(signer).Claims(said).Serialize()
	a.w.must(err)
	return token
}

func (a *fakeAgent) bearer() string { return a.sign(a.key, jose.EdDSA, a.claims()) }

// message makes the next message of a stream.
func (a *fakeAgent) message(kind string, body any) seaworthy.AgentMessage {
	a.w.Helper()
	data, err := json.Marshal(body)
	a.w.must(err)
	stream := seaworthy.StreamChanges
	switch kind {
	case seaworthy.MessageDelta, seaworthy.MessageDigest, seaworthy.MessageReport:
		stream = seaworthy.StreamFindings
	}
	a.sent[stream]++
	m := seaworthy.AgentMessage{Instance: a.instance, Stream: stream, Sequence: a.sent[stream], At: a.w.now, Kind: kind, Body: data}
	m.Sign(a.ID, a.key)
	return m
}

func (a *fakeAgent) send(list ...seaworthy.AgentMessage) answer {
	a.w.Helper()
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	for i := range list {
		a.w.must(json.NewEncoder(z).Encode(&list[i]))
	}
	a.w.must(z.Close())
	return a.w.do(a.bearer(), http.MethodPost, "/api/v1/agent/messages", &body, "Content-Encoding", "gzip")
}

// deliver sends messages that are to be taken.
func (a *fakeAgent) deliver(list ...seaworthy.AgentMessage) (t seaworthy.MessagesTaken) {
	a.w.Helper()
	a.send(list...).want(http.StatusOK, &t)
	return t
}

func (a *fakeAgent) beat(b seaworthy.Heartbeat) (got seaworthy.HeartbeatAnswer) {
	a.w.Helper()
	if b.Instance == "" {
		b.Instance = a.instance
	}
	b.At = a.w.now
	a.w.do(a.bearer(), http.MethodPost, "/api/v1/agent/heartbeat", b).want(http.StatusOK, &got)
	return got
}

// observed is what a watch saw of a Deployment.
func (a *fakeAgent) observed(n int) changes.Observation {
	o := changes.Observation{Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomePersisted}
	o.By, o.At, o.ID = seaworthy.SeenByWatch, a.w.now, fmt.Sprint("v", n)
	o.Object.Object = seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: fmt.Sprint("api-", n)}
	o.Object.UID, o.Object.ResourceVersion = fmt.Sprint("u", n), fmt.Sprint("v", n)
	o.Before = map[string]any{"spec": map[string]any{"replicas": 1.0}}
	o.After = map[string]any{"spec": map[string]any{"replicas": 2.0}}
	return o
}

func (w *world) changesOf(source string) (list struct{ Items []seaworthy.Change }) {
	w.Helper()
	w.do(w.as(seaworthy.Owner), http.MethodGet, "/api/v1/changes?limit=1000&source="+source, nil).want(http.StatusOK, &list)
	return list
}

func (w *world) gapsOf(source string) []seaworthy.Gap {
	w.Helper()
	var list struct{ Items []seaworthy.Gap }
	w.do(w.as(seaworthy.Owner), http.MethodGet, "/api/v1/gaps?source="+source, nil).want(http.StatusOK, &list)
	return list.Items
}

// Each runs f in a world on each database.
func each(t *testing.T, f func(w *world)) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) { f(newWorld(t, c, api.Config{})) })
}

func TestEnrolment(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		key, private, _ := ed25519.GenerateKey(nil)
		other, _, _ := ed25519.GenerateKey(nil)
		token := w.enrolment(cluster.ID)
		for name, wrong := range map[string]string{"nobody": "", "another secret": token[:len(token)-4] + "0000", "another kind": strings.Replace(token, "swe_", "swt_", 1)} {
			if got := w.enrol(wrong, key); got.Code != http.StatusUnauthorized {
				t.Errorf("%s: status %d, want 401", name, got.Code)
			}
		}
		if got := w.enrol(token, key[:31]); got.Code != http.StatusBadRequest {
			t.Errorf("half a key: status %d, want 400", got.Code)
		}
		var first, again seaworthy.Agent
		w.enrol(token, key).want(http.StatusCreated, &first)
		w.enrol(token, key).want(http.StatusCreated, &again) // the answer was lost
		if first.ID != again.ID || first.SourceID != cluster.ID {
			t.Errorf("the same key enrols as %+v, then as %+v", first, again)
		}
		if got := w.enrol(token, other); got.Code != http.StatusUnauthorized {
			t.Errorf("another key with a used token: status %d, want 401", got.Code)
		}
		late := w.enrolment("prod") // by its name
		w.now = w.now.Add(24 * time.Hour)
		if got := w.enrol(late, other); got.Code != http.StatusUnauthorized {
			t.Errorf("after a day: status %d, want 401", got.Code)
		}
		a := &fakeAgent{w: w, Agent: first, key: private, instance: "i"}
		a.beat(seaworthy.Heartbeat{})
		w.do(w.as(seaworthy.Owner), http.MethodDelete, "/api/v1/agents/"+first.ID, nil).want(http.StatusNoContent, nil)
		if got := w.do(a.bearer(), http.MethodPost, "/api/v1/agent/heartbeat", seaworthy.Heartbeat{Instance: "i", At: w.now}); got.Code != http.StatusUnauthorized {
			t.Errorf("a revoked agent: status %d, want 401", got.Code)
		}
		if got := w.enrol(token, key); got.Code != http.StatusUnauthorized {
			t.Errorf("a revoked agent enrols again: status %d, want 401", got.Code)
		}
		var list struct{ Items []seaworthy.Enrolment }
		w.do(w.as(seaworthy.Owner), http.MethodGet, "/api/v1/sources/prod/enrolments", nil).want(http.StatusOK, &list)
		if len(list.Items) != 2 || list.Items[1].AgentID != first.ID || !list.Items[0].UsedAt.IsZero() {
			t.Errorf("enrolments: %+v", list.Items)
		}
		at := "/api/v1/sources/prod/enrolments/"
		w.do(w.as(seaworthy.Owner), http.MethodDelete, at+list.Items[0].ID, nil).want(http.StatusNoContent, nil)
		w.do(w.as(seaworthy.Owner), http.MethodDelete, at+list.Items[1].ID, nil).want(http.StatusConflict, nil)
	})
}

func TestTokensOfAgents(t *testing.T) {
	w := here(t, api.Config{})
	a := w.enrolled(w.declare("prod", "", "shop").ID)
	_, stranger, _ := ed25519.GenerateKey(nil)
	with := func(f func(*jwt.Claims)) string {
		said := a.claims()
		f(&said)
		return a.sign(a.key, jose.EdDSA, said)
	}
	public := a.key.Public().(ed25519.PublicKey)
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"` + a.ID + `"}`))
	for _, test := range []struct {
		name, token string
		status      int
	}{
		{"in order", a.bearer(), http.StatusOK},
		{"for the server's address", with(func(c *jwt.Claims) { c.Audience = jwt.Audience{base} }), http.StatusOK},
		{"another key", a.sign(stranger, jose.EdDSA, a.claims()), http.StatusUnauthorized},
		{"the public key as a password", a.sign([]byte(public), jose.HS256, a.claims()), http.StatusUnauthorized},
		{"no algorithm", none + "." + strings.Split(a.bearer(), ".")[1] + ".", http.StatusUnauthorized},
		{"another server", with(func(c *jwt.Claims) { c.Audience = jwt.Audience{"https://else.example"} }), http.StatusUnauthorized},
		{"no audience", with(func(c *jwt.Claims) { c.Audience = nil }), http.StatusUnauthorized},
		{"another subject", with(func(c *jwt.Claims) { c.Subject = "else" }), http.StatusUnauthorized},
		{"no end", with(func(c *jwt.Claims) { c.Expiry = nil }), http.StatusUnauthorized},
		{"no id", with(func(c *jwt.Claims) { c.ID = "" }), http.StatusUnauthorized},
		{"an hour", with(func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(w.now.Add(time.Hour)) }), http.StatusUnauthorized},
		{"over", with(func(c *jwt.Claims) {
			c.IssuedAt, c.Expiry = jwt.NewNumericDate(w.now.Add(-5*time.Minute)), jwt.NewNumericDate(w.now.Add(-time.Minute))
		}), http.StatusUnauthorized},
		{"from the future", with(func(c *jwt.Claims) {
			c.IssuedAt, c.Expiry = jwt.NewNumericDate(w.now.Add(time.Minute)), jwt.NewNumericDate(w.now.Add(2*time.Minute))
		}), http.StatusUnauthorized},
		{"long", a.bearer() + strings.Repeat("A", 5000), http.StatusUnauthorized},
	} {
		if got := w.do(test.token, http.MethodGet, "/api/v1/agent/configuration", nil); got.Code != test.status {
			t.Errorf("%s: status %d, want %d: %s", test.name, got.Code, test.status, got.Body)
		}
	}
	for _, path := range []string{"/api/v1/findings", "/api/v1/agents", "/api/v1/me"} {
		w.do(a.bearer(), http.MethodGet, path, nil).want(http.StatusForbidden, nil)
	}
	if got := w.do(w.as(seaworthy.Reporter), http.MethodGet, "/api/v1/agent/configuration", nil); got.Code != http.StatusForbidden {
		t.Errorf("a token that is no agent's: status %d", got.Code)
	}
}

// TestTokensOfAgentsCountOnce: who got hold of a token that was used cannot say anything
// with it, at no server of the database, and what was said of the agent stays. Once it is
// over it is not kept.
func TestTokensOfAgentsCountOnce(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		a, b := w.enrolled(cluster.ID), w.enrolled(cluster.ID)
		token := a.bearer()
		beat := seaworthy.Heartbeat{Instance: "i1", Replica: "true", At: w.now}
		w.do(token, http.MethodPost, "/api/v1/agent/heartbeat", beat).want(http.StatusOK, nil)
		beat.Replica = "false"
		w.do(token, http.MethodPost, "/api/v1/agent/heartbeat", beat).want(http.StatusConflict, nil)
		w.do(token, http.MethodGet, "/api/v1/agent/configuration", nil).want(http.StatusConflict, nil)
		another, err := auth.New(auth.Config{Store: w.store, BaseURL: base, KeyFile: w.TempDir() + "/secret.key", HashMemory: 64})
		w.must(err)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		if _, err := another.FromRequest(w.Context(), r); err == nil {
			t.Error("another server takes a token that was used")
		}
		r.Header.Set("Authorization", "Bearer "+a.bearer())
		if _, err := another.FromRequest(w.Context(), r); err != nil {
			t.Error(err)
		}
		same := a.claims()
		for _, who := range []*fakeAgent{a, b} { // the ids of two agents have nothing to do with each other
			same.Subject = who.ID
			w.do(who.sign(who.key, jose.EdDSA, same), http.MethodGet, "/api/v1/agent/configuration", nil).want(http.StatusOK, nil)
		}
		if all, err := w.store.AgentInstances(w.Context(), cluster.ID); err != nil || len(all) != 1 || all[0].Beat.Replica != "true" {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

func TestObservationsCountOnce(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		a := w.enrolled(cluster.ID)
		var list []seaworthy.AgentMessage
		for i := range 6 {
			list = append(list, a.message(seaworthy.MessageObservations, []changes.Observation{a.observed(2 * i), a.observed(2*i + 1)}))
		}
		if got := a.deliver(list[1], list[0]).Acknowledged[seaworthy.StreamChanges]; got != 2 {
			t.Errorf("acknowledged %d, want 2", got)
		}
		if got := a.deliver(list[4:]...).Acknowledged[seaworthy.StreamChanges]; got != 6 {
			t.Errorf("acknowledged %d, want 6", got)
		}
		gaps := w.gapsOf(cluster.ID)
		if len(gaps) != 1 || gaps[0].Kind != store.GapMessages || !strings.Contains(gaps[0].Reason, "messages 3 to 4") || gaps[0].To.IsZero() {
			t.Errorf("a hole leaves the gaps %+v", gaps)
		}
		a.deliver(list[3])
		a.deliver(list...) // all of it again, with what was missing
		a.deliver(list[2], list[2])
		if got := len(w.changesOf(cluster.ID).Items); got != 12 {
			t.Errorf("%d changes, want 12", got)
		}
		if gaps := w.gapsOf(cluster.ID); len(gaps) != 1 || !strings.HasSuffix(gaps[0].Reason, "nothing is missing") || !gaps[0].To.Equal(gaps[0].From) {
			t.Errorf("a hole that was filled leaves the gaps %+v", gaps)
		}
	})
}

func TestMessagesThatAreRefused(t *testing.T) {
	w := here(t, api.Config{})
	cluster := w.declare("prod", "", "shop")
	a := w.enrolled(cluster.ID)
	other := w.enrolled(w.declare("stage", "", "shop").ID)
	good := a.message(seaworthy.MessageObservations, []changes.Observation{a.observed(1)})
	with := func(f func(*seaworthy.AgentMessage), sign bool) seaworthy.AgentMessage {
		m := good
		f(&m)
		if sign {
			m.Sign(a.ID, a.key)
		}
		return m
	}
	for name, list := range map[string][]seaworthy.AgentMessage{
		"another body":        {with(func(m *seaworthy.AgentMessage) { m.Body = json.RawMessage(`[]`) }, false)},
		"another number":      {with(func(m *seaworthy.AgentMessage) { m.Sequence = 2 }, false)},
		"another time":        {with(func(m *seaworthy.AgentMessage) { m.At = m.At.Add(1) }, false)},
		"another kind":        {with(func(m *seaworthy.AgentMessage) { m.Kind = seaworthy.MessageGap }, false)},
		"another stream":      {with(func(m *seaworthy.AgentMessage) { m.Stream = seaworthy.StreamFindings }, false)},
		"of another agent":    {with(func(m *seaworthy.AgentMessage) { m.Sign(other.ID, other.key) }, false)},
		"number 0":            {with(func(m *seaworthy.AgentMessage) { m.Sequence = 0 }, true)},
		"a number too large":  {with(func(m *seaworthy.AgentMessage) { m.Sequence = 1 << 63 }, true)},
		"no such stream":      {with(func(m *seaworthy.AgentMessage) { m.Stream = "else" }, true)},
		"no instance":         {with(func(m *seaworthy.AgentMessage) { m.Instance = "" }, true)},
		"two instances":       {good, with(func(m *seaworthy.AgentMessage) { m.Instance = "i2" }, true)},
		"one good, one wrong": {good, with(func(m *seaworthy.AgentMessage) { m.Sequence = 2 }, false)},
	} {
		if got := a.send(list...); got.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400: %s", name, got.Code, got.Body)
		}
	}
	if got := len(w.changesOf(cluster.ID).Items); got != 0 {
		t.Errorf("%d changes of messages that were refused", got)
	}
	if got := w.do(a.bearer(), http.MethodPost, "/api/v1/agent/messages", strings.NewReader(strings.Repeat("{}\n", 1001))); got.Code != http.StatusBadRequest {
		t.Errorf("too many: status %d", got.Code)
	}
	a.deliver(good)
	if got := len(w.changesOf(cluster.ID).Items); got != 1 {
		t.Errorf("%d changes, want 1", got)
	}
}

// What an agent signed and nobody can read does not keep back what follows, and is on
// record.
func TestWhatCannotBeReadIsLeftOut(t *testing.T) {
	w := here(t, api.Config{})
	cluster := w.declare("prod", "", "shop")
	a := w.enrolled(cluster.ID)
	odd := a.observed(2)
	odd.By = "hearsay"
	got := a.deliver(
		a.message(seaworthy.MessageObservations, map[string]any{"no": "list"}),
		a.message(seaworthy.MessageObservations, []changes.Observation{odd}),
		a.message("poem", "roses"),
		a.message(seaworthy.MessageGap, seaworthy.AgentGap{Place: "moon", From: w.now}),
		a.message(seaworthy.MessageClaims, []seaworthy.Deployment{{By: "pipeline", Commit: "c", Namespaces: []string{"shop"}}}),
		a.message(seaworthy.MessageObservations, []changes.Observation{a.observed(1)}),
		a.message(seaworthy.MessageDelta, "nonsense"),
	)
	if got.Acknowledged[seaworthy.StreamChanges] != 6 || got.Acknowledged[seaworthy.StreamFindings] != 1 || !got.Report {
		t.Errorf("taken: %+v", got)
	}
	if n := len(w.changesOf(cluster.ID).Items); n != 1 {
		t.Errorf("%d changes, want 1", n)
	}
	gaps := w.gapsOf(cluster.ID)
	if len(gaps) != 6 {
		t.Errorf("%d gaps, want one for each that was left out: %+v", len(gaps), gaps)
	}
}

func TestGapsOfAgents(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		a := w.enrolled(cluster.ID)
		began := w.now.Add(-time.Hour).Truncate(time.Microsecond)
		open := a.message(seaworthy.MessageGap, seaworthy.AgentGap{Place: seaworthy.SeenByAudit, From: began, Reason: "no event for an hour"})
		a.deliver(open)
		if gaps := w.gapsOf(cluster.ID); len(gaps) != 1 || gaps[0].Kind != store.GapAudit || !gaps[0].From.Equal(began) || !gaps[0].To.IsZero() {
			t.Fatalf("gaps: %+v", gaps)
		}
		w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/sources/prod/reports", report("prod", w.now, "shop")).want(http.StatusCreated, nil)
		a.deliver(a.message(seaworthy.MessageGap, seaworthy.AgentGap{Place: seaworthy.SeenByAudit, From: began, To: began.Add(time.Minute), Reason: "over"}))
		a.deliver(a.message(seaworthy.MessageGap, seaworthy.AgentGap{Place: seaworthy.SeenByAudit, From: began, Reason: "late"}))
		if gaps := w.gapsOf(cluster.ID); len(gaps) != 1 || !gaps[0].To.Equal(began.Add(time.Minute)) || gaps[0].Reason != "over" {
			t.Errorf("gaps: %+v", gaps)
		}
		// Whoever knew of it is gone; the place works again.
		a.deliver(a.message(seaworthy.MessageGap, seaworthy.AgentGap{Place: seaworthy.SeenByWebhook, From: began, Reason: "unreachable"}))
		works := w.now.Add(-time.Minute)
		a.beat(seaworthy.Heartbeat{Leader: true, Places: map[string]seaworthy.Place{seaworthy.SeenByWebhook: {State: seaworthy.PlaceWorks, Since: works}}})
		for _, g := range w.gapsOf(cluster.ID) {
			if g.Kind == store.GapWebhook && (g.To.IsZero() || g.To.Sub(works).Abs() > time.Second) {
				t.Errorf("the webhook works again since %s, and the gap is %+v", works, g)
			}
		}
	})
}

// TestSilenceOfAgents: two missed beats are none, a minute is a gap, and the next beat
// ends it.
func TestSilenceOfAgents(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		a := w.enrolled(cluster.ID)
		watching := w.now
		round := func(after time.Duration) []seaworthy.Gap {
			w.Helper()
			w.now = w.now.Add(after)
			opened, err := ingest.AgentSilences(w.Context(), w.store)
			w.must(err)
			return opened
		}
		a.beat(seaworthy.Heartbeat{Leader: true, Watching: watching})
		last := w.now
		if got := round(45 * time.Second); len(got) != 0 {
			t.Errorf("after 45 seconds: %+v", got)
		}
		got := round(16 * time.Second)
		if len(got) != 1 || got[0].Kind != store.GapAgent || got[0].From.Sub(last).Abs() > time.Second || !got[0].To.IsZero() {
			t.Fatalf("after 61 seconds: %+v", got)
		}
		if got := round(time.Minute); len(got) != 0 {
			t.Errorf("one silence opens another gap: %+v", got)
		}
		// It was the server that could not be reached: the watch held.
		a.beat(seaworthy.Heartbeat{Leader: true, Watching: watching})
		if gaps := w.gapsOf(cluster.ID); len(gaps) != 1 || gaps[0].To.IsZero() {
			t.Errorf("after the next beat: %+v", gaps)
		}
		// Another leader begins to watch.
		last = w.now
		w.now = w.now.Add(20 * time.Second)
		again := w.now.Add(-5 * time.Second)
		a.beat(seaworthy.Heartbeat{Instance: "i2", Leader: true, Watching: again})
		gaps := w.gapsOf(cluster.ID)
		if len(gaps) != 2 || gaps[0].Kind != store.GapWatch || gaps[0].From.Sub(last).Abs() > time.Second || gaps[0].To.Sub(again).Abs() > time.Second {
			t.Errorf("between two watches: %+v", gaps)
		}
		// Nobody watches.
		w.now = w.now.Add(30 * time.Second)
		a.beat(seaworthy.Heartbeat{Instance: "i2", Leader: true})
		if got := round(31 * time.Second); len(got) != 1 || got[0].Kind != store.GapWatch {
			t.Errorf("nobody watches: %+v", got)
		}
		now := w.now
		a.beat(seaworthy.Heartbeat{Instance: "i2", Leader: true, Watching: now})
		if gaps := w.gapsOf(cluster.ID); gaps[0].Kind != store.GapWatch || gaps[0].To.Sub(now).Abs() > time.Second {
			t.Errorf("it watches again: %+v", gaps)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// sends is a world into which somebody writes texts wherever there is room for some.
type sends struct {
	*world
	*marks
	agent seaworthy.Agent
	key   ed25519.PrivateKey
	sent  map[string]uint64
}

// post sends JSON as a role.
func (s *sends) post(role seaworthy.Role, method, path string) func(any) (int, string) {
	return func(body any) (int, string) {
		a := s.do(role, method, path, encode(s.T, body))
		return a.Code, a.Body.String()
	}
}

// of is a document of a type.
func (s *sends) of(name string, t reflect.Type, given map[string]any) document {
	return document{name, blankOf(t, s.Now.Add(-time.Minute)), under(name, given)}
}

// under gives fields their whole names.
func under(name string, given map[string]any) map[string]any {
	out := map[string]any{}
	for field, value := range given {
		out[name+field] = value
	}
	return out
}

// aFinding is what a finding must have to be one.
func aFinding(at string) map[string]any {
	return map[string]any{at + ".check": "privileged-container", at + ".severity": string(seaworthy.Critical)}
}

// reports sends whole reports, of a cluster and of files.
func (s *sends) reports(cluster, repository string) {
	for kind, source := range map[string]string{seaworthy.SourceCluster: cluster, seaworthy.SourceFiles: repository} {
		given := aFinding(".findings[]")
		for field, value := range map[string]any{
			".apiVersion": seaworthy.ReportVersion, ".source.kind": kind,
			".checks[].id": "privileged-container", ".checks[].severity": string(seaworthy.Critical), ".checks[].status": string(seaworthy.StatusFailed),
			".checks[].byNamespace.*.passed": 0, ".checks[].byNamespace.*.errors": 0, // all failed
		} {
			given[field] = value
		}
		if kind == seaworthy.SourceCluster { // whose findings people waive by themselves
			given[".findings[].waiver"], given[".findings[].waiverRequested"] = absent{}, absent{}
		}
		send := s.post(seaworthy.Owner, http.MethodPost, "/api/v1/sources/"+source+"/reports")
		s.hand(s.T, s.of("report", reflect.TypeFor[seaworthy.Report](), given), func(body any) (int, string) {
			s.Now = s.Now.Add(time.Second)
			r := into[seaworthy.Report](s, string(encode(s.T, body))) // whose head comes first
			r.Source.Started, r.Finished = s.Now.Add(-2*time.Second), s.Now.Add(-time.Second)
			return send(r)
		})
	}
}

// enrol has an agent watch a cluster.
func (s *sends) enrol(source string) {
	s.T.Helper()
	_, token, err := s.Auth.CreateEnrolment(s.T.Context(), s.Owner(), source)
	s.must(err)
	public, key, err := ed25519.GenerateKey(nil)
	s.must(err)
	s.key, s.sent = key, map[string]uint64{}
	s.agent, err = s.Auth.Enrol(s.T.Context(), token, base64.StdEncoding.EncodeToString(public))
	s.must(err)
}

// bearer is a token that the agent signs for one request.
func (s *sends) bearer() string {
	s.T.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: s.key}, (&jose.SignerOptions{}).WithHeader("kid", s.agent.ID))
	s.must(err)
	token, err := jwt.Signed(signer).Claims(jwt.Claims{
		Subject: s.agent.ID, Audience: jwt.Audience{"seaworthy"}, IssuedAt: jwt.NewNumericDate(s.Now), Expiry: jwt.NewNumericDate(s.Now.Add(time.Minute)), ID: rand.Text(),
	}).Serialize()
	s.must(err)
	return token
}

func (s *sends) asAgent(path string, body []byte) (int, string) {
	a := s.do("", http.MethodPost, path, body, "Authorization", "Bearer "+s.bearer())
	return a.Code, a.Body.String()
}

// message sends what an agent tells, with everything in it signed.
func (s *sends) message(kind string, body any) (int, string) {
	s.T.Helper()
	stream := seaworthy.StreamChanges
	switch kind {
	case seaworthy.MessageDelta, seaworthy.MessageDigest, seaworthy.MessageReport:
		stream = seaworthy.StreamFindings
	}
	s.sent[stream]++
	m := seaworthy.AgentMessage{Instance: s.at("message.instance"), Stream: stream, Sequence: s.sent[stream], At: s.Now, Kind: kind, Body: encode(s.T, body)}
	m.Sign(s.agent.ID, s.key)
	return s.asAgent("/api/v1/agent/messages", encode(s.T, m))
}

// object is an object of a cluster in which everything that its author names is blank.
func object() map[string]any {
	return map[string]any{
		"apiVersion": blank, "kind": blank,
		"metadata": map[string]any{"name": blank, "namespace": blank, "uid": blank, "resourceVersion": blank,
			"labels": map[string]any{blank: blank}, "annotations": map[string]any{blank: blank}},
		"spec": map[string]any{blank: blank, "template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": blank, "image": blank}}}}},
	}
}

// messages has the agent tell everything that agents tell.
func (s *sends) messages() {
	kinds := map[string]document{}
	seen := s.of("observations", reflect.TypeFor[[]changes.Observation](), map[string]any{
		"[].by": seaworthy.SeenByWebhook, "[].verb": seaworthy.VerbUpdate, "[].outcome": string(seaworthy.OutcomePersisted),
		"[].judged[].door": seaworthy.DoorWebhook, "[].judged[].mode": "deny",
	})
	one := seen.blank.([]any)[0].(map[string]any)
	one["before"], one["after"] = object(), object()
	kinds[seaworthy.MessageObservations] = seen
	kinds[seaworthy.MessageGap] = s.of("gap", reflect.TypeFor[seaworthy.AgentGap](), map[string]any{
		".place": seaworthy.SeenByWatch, ".from": s.Now.Add(-3 * time.Minute).Format(time.RFC3339),
	})
	kinds[seaworthy.MessageDelta] = s.of("delta", reflect.TypeFor[seaworthy.Delta](), aFinding(".found[]"))
	kinds[seaworthy.MessageDigest] = s.of("digest", reflect.TypeFor[seaworthy.FindingsState](), nil)
	kinds[seaworthy.MessageReport] = s.of("report-sent", reflect.TypeFor[seaworthy.ReportSent](), nil)
	kinds[seaworthy.MessageClaims] = s.of("claims", reflect.TypeFor[[]seaworthy.Deployment](), map[string]any{
		"[].from": s.Now.Add(-5 * time.Minute).Format(time.RFC3339), "[].until": s.Now.Add(time.Hour).Format(time.RFC3339), "[].by": "argocd",
		"[].commit": strings.Repeat("c1a1", 10), "[].pullRequest": "https://git.example.com/pull/1?" + s.at("claims[].pullRequest"),
	})
	kinds[seaworthy.MessageOwners] = s.of("owners", reflect.TypeFor[[]changes.Owner](), nil)
	for _, kind := range []string{seaworthy.MessageDelta, seaworthy.MessageDigest, seaworthy.MessageReport, seaworthy.MessageOwners, seaworthy.MessageClaims,
		seaworthy.MessageObservations, seaworthy.MessageGap} {
		s.hand(s.T, kinds[kind], func(body any) (int, string) { return s.message(kind, body) })
	}
	if code, said := s.message(s.at("message.kind"), []string{s.at("message.body")}); code >= 500 {
		s.T.Errorf("a message of a kind that nobody knows: status %d: %.300s", code, said)
	}
}

// beat has the agent say how it is.
func (s *sends) beat() {
	d := s.of("heartbeat", reflect.TypeFor[seaworthy.Heartbeat](), map[string]any{
		".places.webhook.state": seaworthy.PlaceBroken, ".places.audit.state": seaworthy.PlaceNotObserved, ".ended": false,
	})
	places := d.blank.(map[string]any)["places"].(map[string]any)
	places["webhook"], places["audit"] = places[blank], places[blank]
	s.hand(s.T, d, func(body any) (int, string) { return s.asAgent("/api/v1/agent/heartbeat", encode(s.T, body)) })
}

// audits sends audit events of an API server: a write, a session, and what was refused.
func (s *sends) audits(source string) {
	at := s.Now.Add(-time.Minute).Format(time.RFC3339Nano)
	for _, e := range []struct {
		name, verb, group, resource, subresource string
		code                                     int
	}{
		{"audit.write", "update", "apps", "deployments", "", 200},
		{"audit.session", "create", "", "pods", "exec", 101},
		{"audit.refused", "create", "apps", "deployments", "", 403},
		{"audit.read", "get", "", "secrets", "", 200},
	} {
		d := document{e.name, map[string]any{
			"kind": blank, "apiVersion": blank, "level": blank, "auditID": blank, "stage": blank, "requestURI": blank, "verb": blank, "userAgent": blank,
			"user": user(), "impersonatedUser": user(), "sourceIPs": []any{blank}, "annotations": map[string]any{blank: blank},
			"objectRef":      map[string]any{"resource": blank, "namespace": blank, "name": blank, "uid": blank, "apiGroup": blank, "apiVersion": blank, "resourceVersion": blank, "subresource": blank},
			"responseStatus": map[string]any{"code": e.code, "message": blank, "reason": blank, "status": blank},
			"requestObject":  object(), "responseObject": object(), "requestReceivedTimestamp": at, "stageTimestamp": at,
		}, under(e.name, map[string]any{
			".kind": "Event", ".apiVersion": "audit.k8s.io/v1", ".level": "RequestResponse", ".stage": "ResponseComplete", ".verb": e.verb,
			".objectRef.resource": e.resource, ".objectRef.apiGroup": e.group, ".objectRef.subresource": e.subresource,
		})}
		s.hand(s.T, d, s.post(seaworthy.Owner, http.MethodPost, "/api/v1/sources/"+source+"/audit-events"))
	}
}

func user() map[string]any {
	return map[string]any{"username": blank, "uid": blank, "groups": []any{blank}, "extra": map[string]any{blank: []any{blank}, "session": []any{blank}}}
}

// comes signs somebody in whose browser has a name of its own.
func (s *sends) comes(email, password string) {
	s.T.Helper()
	a := s.do("", http.MethodPost, "/sign-in", []byte("email="+email+"&password="+strings.ReplaceAll(password, " ", "+")),
		"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "User-Agent", s.at("browser.name"))
	if a.Code != http.StatusSeeOther {
		s.T.Fatalf("signing in gives %d: %.300s", a.Code, a.Body)
	}
}

// into reads an answer.
func into[T any](s *sends, body string) (v T) {
	s.T.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	s.must(d.Decode(&v))
	return v
}

// factors gives the owner a passkey with a name, and has somebody come from a provider of
// single sign-on that says whatever it likes of them: neither goes through the API.
func (s *sends) factors(number int) {
	s.T.Helper()
	s.write(func(tx *store.Tx) error {
		return tx.PutCredential(store.Credential{
			UserID: s.Users[seaworthy.Owner].ID, Kind: "passkey", ID: fmt.Sprint("passkey-", number), Name: s.at("passkey.name"), Secret: []byte("{}"), Created: tx.At,
		})
	})
	r := httptest.NewRequest(http.MethodGet, s.URL+"/", http.NoBody).WithContext(s.T.Context())
	r.Header.Set("User-Agent", s.at("external.browser"))
	_, err := s.Auth.SignInExternal(httptest.NewRecorder(), r, auth.External{
		Issuer: "https://id.example.com/" + s.at("external.issuer"), Subject: s.at("external.subject"), Email: fmt.Sprintf("from-elsewhere-%d@harbour.example", number), Verified: true,
		Name: s.at("external.name"), Managed: true, Role: seaworthy.Viewer,
	}, auth.ExternalPolicy{Create: true, TrustSecondFactor: true})
	s.must(err)
}

// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// operation is a request with a body, as the API describes it.
type operation struct {
	id, method, path string
	schema           map[string]any
}

// described reads the description of the API.
type described struct {
	operations map[string]operation
	schemas    map[string]map[string]any
	asked      map[string]bool // operations that something was taken of
	made       int
}

func (w *world) described() *described {
	w.T.Helper()
	var read struct {
		Paths map[string]map[string]struct {
			OperationID string
			RequestBody struct {
				Content map[string]struct{ Schema map[string]any }
			}
		}
		Components struct{ Schemas map[string]map[string]any }
	}
	w.must(json.Unmarshal(w.do("", http.MethodGet, "/api/v1/openapi.json", nil).Body.Bytes(), &read))
	d := &described{operations: map[string]operation{}, schemas: read.Components.Schemas, asked: map[string]bool{}}
	for path, methods := range read.Paths {
		for method, o := range methods {
			if c, ok := o.RequestBody.Content["application/json"]; ok && method != "get" {
				d.operations[o.OperationID] = operation{o.OperationID, strings.ToUpper(method), path, c.Schema}
			}
		}
	}
	return d
}

// blank is a body in which nothing is left out; limits are how long its texts may be.
func (d *described) blank(schema map[string]any, field string, limits map[string]int) any {
	if ref, ok := schema["$ref"].(string); ok {
		return d.blank(d.schemas[ref[strings.LastIndex(ref, "/")+1:]], field, limits)
	}
	kind := schema["type"]
	if list, ok := kind.([]any); ok {
		kind = list[0]
	}
	switch kind {
	case "object":
		out := map[string]any{}
		properties, _ := schema["properties"].(map[string]any)
		for name, p := range properties {
			if name != "$schema" {
				out[name] = d.blank(p.(map[string]any), field+"."+name, limits)
			}
		}
		if more, ok := schema["additionalProperties"].(map[string]any); ok {
			out[blank] = d.blank(more, field+".*", limits)
		}
		return out
	case "array":
		return []any{d.blank(schema["items"].(map[string]any), field+"[]", limits)}
	case "boolean":
		return true
	case "integer", "number":
		return 1
	}
	if most, ok := schema["maxLength"].(float64); ok {
		limits[field] = int(most)
	}
	return blank
}

// choices are the values of fields that take one of a few.
func (d *described) choices(schema map[string]any, field string, into map[string]any) {
	if ref, ok := schema["$ref"].(string); ok {
		schema = d.schemas[ref[strings.LastIndex(ref, "/")+1:]]
	}
	if list, ok := schema["enum"].([]any); ok {
		into[field] = list[0]
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, p := range properties {
		d.choices(p.(map[string]any), field+"."+name, into)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		d.choices(items, field+"[]", into)
	}
}

// requests sends the requests that write.
type requests struct {
	*sends
	*described
}

// ask sends a request with a text in every field but those that are given, and gives the
// id of what it made. {id} and {source} in its path are at.
func (r *requests) ask(id, at string, given map[string]any) string {
	return r.askAs(seaworthy.Owner, id, at, given)
}

func (r *requests) askAs(role seaworthy.Role, id, at string, given map[string]any) string {
	r.T.Helper()
	return r.askBy(id, at, given, func(method, path string) func(any) (int, string) { return r.post(role, method, path) })
}

// askByToken asks with a token of a role that is none of people.
func (r *requests) askByToken(role seaworthy.Role, id string, given map[string]any) {
	r.T.Helper()
	_, token, err := r.Auth.CreateToken(r.T.Context(), r.Owner(), auth.NewToken{Name: r.at("token.name"), Role: role})
	r.must(err)
	r.askBy(id, "", given, func(method, path string) func(any) (int, string) {
		return func(body any) (int, string) {
			a := r.do("", method, path, encode(r.T, body), "Authorization", "Bearer "+token)
			return a.Code, a.Body.String()
		}
	})
}

func (r *requests) askBy(id, at string, given map[string]any, by func(method, path string) func(any) (int, string)) string {
	r.T.Helper()
	o, ok := r.operations[id]
	if !ok {
		r.T.Fatalf("the API has no operation %s with a body", id)
	}
	d := document{id, r.described.blank(o.schema, id, r.limits), map[string]any{}}
	r.choices(o.schema, id, d.given)
	maps.Copy(d.given, under(id, given))
	answer := ""
	send := by(o.method, parameter.ReplaceAllString(o.path, at))
	r.hand(r.T, d, func(body any) (int, string) {
		code, said := send(body)
		if code < http.StatusMultipleChoices {
			answer = said
		}
		return code, said
	})
	r.asked[id] = true
	var made struct {
		ID          string
		User        struct{ ID string }
		Destination struct{ ID string }
		Items       []struct{ ID string }
	}
	_ = json.Unmarshal([]byte(answer), &made) // not every answer has one
	for _, id := range []string{made.ID, made.User.ID, made.Destination.ID} {
		if id != "" {
			return id
		}
	}
	if len(made.Items) > 0 {
		return made.Items[0].ID
	}
	return ""
}

// anew gives what may be there only once.
func (r *requests) anew(format string) func() any {
	return func() any {
		r.described.made++
		return fmt.Sprintf(format, r.described.made)
	}
}

func (r *requests) in(d time.Duration) string { return r.Now.Add(d).Format(time.RFC3339) }
func (r *requests) on(days int) string        { return r.Now.AddDate(0, 0, days).Format(time.DateOnly) }

// company makes teams, people, clusters, a program, and controls.
func (r *requests) company() (team, cluster, repository, program string) {
	team = r.ask("createTeam", "", nil)
	r.ask("changeTeam", team, nil)
	person := r.ask("createUser", "", map[string]any{
		".email": r.anew("x%d@harbour.example"), ".role": string(seaworthy.Engineer), ".teams[]": team, ".program": absent{}, ".expires": r.in(9000 * time.Hour),
	})
	r.ask("changeUser", person, map[string]any{
		".role": string(seaworthy.Engineer), ".teams[]": team, ".program": absent{}, ".expires": r.in(9000 * time.Hour), ".disabled": false,
	})
	source := map[string]any{".kind": seaworthy.KindCluster, ".environment": seaworthy.Production, ".team": team, ".every": int64(time.Hour), ".auditSilence": int64(time.Hour)}
	cluster = r.ask("declareSource", "", source)
	source[".kind"], source[".auditSilence"] = seaworthy.KindRepository, absent{}
	repository = r.ask("declareSource", "", source)
	source[".kind"], source[".name"], source[".retired"] = absent{}, absent{}, false
	r.ask("changeSource", repository, source)
	scope := map[string]any{
		".framework": "soc2", ".type": seaworthy.TypeII, ".from": r.in(-700 * time.Hour), ".to": r.in(3000 * time.Hour), ".categories[]": "security",
		".excluded[].requirement": "CC1.1", ".scope": []any{
			map[string]any{"kind": seaworthy.KindCluster, "source": cluster, "in": true, "reason": r.at("program.cluster.reason")},
			map[string]any{"kind": seaworthy.KindRepository, "source": repository, "name": r.at("program.repository.name"), "in": true},
			map[string]any{"kind": seaworthy.KindNamespace, "source": cluster, "name": r.at("program.namespace.name"), "in": false, "reason": r.at("program.namespace.reason")},
			map[string]any{"kind": seaworthy.KindSystem, "name": r.at("program.system.name"), "source": r.at("program.system.source"), "in": false, "reason": r.at("program.system.reason")},
		},
	}
	program = r.ask("createProgram", "", scope)
	r.ask("changeProgram", program, scope)
	return team, cluster, repository, program
}

// controls makes a control, and has it performed.
func (r *requests) controls(cluster string) {
	me := r.Users[seaworthy.Owner].ID
	own := map[string]any{
		".id": r.anew("own-control-%d"), ".ownerUser": me, ".cadence": "event", ".sources[]": "people", ".checks": absent{}, ".active": true,
		".scope[].kind": seaworthy.KindCluster, ".scope[].source": cluster, ".scope[].in": true, ".kind": "detective",
	}
	control := r.ask("createControl", "", own)
	next := maps.Clone(own)
	next[".id"], next[".version"] = absent{}, func() any {
		c, err := r.Store.Control(r.T.Context(), control)
		r.must(err)
		return c.Version
	}
	r.ask("changeControl", control, next)
	occurrence := r.ask("expectOccurrence", control, map[string]any{".from": r.in(-time.Hour), ".dueAt": r.in(time.Hour)})
	r.ask("excuseOccurrence", occurrence, nil)
	occurrence = r.ask("expectOccurrence", control, map[string]any{".from": r.in(-2 * time.Hour), ".dueAt": r.in(2 * time.Hour)})
	r.ask("comment", "", map[string]any{".kind": seaworthy.OnControl, ".subject": control})
	r.ask("comment", "", map[string]any{".kind": seaworthy.OnOccurrence, ".subject": occurrence})
	evidence := map[string]any{
		".kind": seaworthy.EvidenceLink, ".shows": seaworthy.Operation, ".url": "https://wiki.example.com/?" + r.at("addEvidence.url"), ".sourceId": cluster, ".controls[]": control, ".occurrences[]": occurrence,
		".effectiveFrom": r.in(-time.Hour), ".effectiveTo": r.in(-time.Minute), ".collectedAt": r.in(-time.Minute), ".performedAt": r.in(-time.Minute), ".result": seaworthy.ResultDeviation,
	}
	id := r.ask("addEvidence", "", evidence)
	r.ask("comment", "", map[string]any{".kind": seaworthy.OnEvidence, ".subject": id})
	evidence[".kind"], evidence[".url"] = seaworthy.EvidenceAttestation, absent{}
	r.ask("eraseEvidence", r.ask("addEvidence", "", evidence), nil)
	r.upload(control)
}

// upload brings a file whose name and kind are texts too.
func (r *requests) upload(control string) {
	r.T.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormField("evidence")
	r.must(err)
	_, err = part.Write(encode(r.T, map[string]any{
		"kind": seaworthy.EvidenceUpload, "title": r.at("upload.title"), "shows": seaworthy.Design, "controls": []string{control}, "system": r.at("upload.system"),
		"effectiveFrom": r.in(-time.Hour), "effectiveTo": r.in(-time.Minute),
	}))
	r.must(err)
	name := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(r.at("upload.file"))
	part, err = form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="` + name + `"`}, "Content-Type": {"text/html"}})
	r.must(err)
	_, err = part.Write([]byte("<script>alert(1)</script>"))
	r.must(err)
	r.must(form.Close())
	if a := r.do(seaworthy.Owner, http.MethodPost, "/api/v1/evidence/upload", body.Bytes(), "Content-Type", form.FormDataContentType()); a.Code != http.StatusCreated {
		r.T.Errorf("a file as evidence: status %d: %.300s", a.Code, a.Body)
	}
}

// work does with findings what people do.
func (r *requests) work(cluster, repository, team string) {
	r.T.Helper()
	me := r.Users[seaworthy.Owner].ID
	var found struct {
		Items []struct{ ID, WaiverRequested string }
	}
	r.must(json.Unmarshal(r.do(seaworthy.Owner, http.MethodGet, "/api/v1/findings?source="+cluster, nil).Body.Bytes(), &found))
	i := slices.IndexFunc(found.Items, func(f struct{ ID, WaiverRequested string }) bool { return f.WaiverRequested == "" })
	if i < 0 {
		r.T.Errorf("none of %d findings asks for nothing", len(found.Items))
		return
	}
	finding := found.Items[i].ID
	many := map[string]any{".findings[]": finding}
	with := func(more map[string]any) map[string]any {
		out := maps.Clone(many)
		maps.Copy(out, more)
		return out
	}
	r.ask("assignFindings", "", with(map[string]any{".user": me}))
	r.ask("setDueDates", "", with(map[string]any{".dueAt": r.in(99 * time.Hour)}))
	r.ask("linkTicket", "", with(map[string]any{".address": "https://tickets.example.com/?" + url.QueryEscape(r.at("linkTicket.address"))}))
	r.ask("commentFindings", "", many)
	r.ask("comment", "", map[string]any{".kind": seaworthy.OnFinding, ".subject": finding})
	r.ask("eraseComment", r.ask("comment", "", map[string]any{".kind": seaworthy.OnFinding, ".subject": finding}), nil)
	terms := map[string]any{".owner": me, ".expires": r.on(30)}
	waiver := r.ask("waiveFindings", "", with(terms))
	r.ask("comment", "", map[string]any{".kind": seaworthy.OnWaiver, ".subject": waiver})
	r.askAs(seaworthy.ComplianceManager, "approveWaiver", waiver, terms)
	r.ask("renewWaiver", waiver, map[string]any{".owner": me, ".expires": r.on(60)})
	asked := map[string]any{".source": cluster, ".file": absent{}, ".owner": me, ".expires": r.on(40)}
	r.askAs(seaworthy.ComplianceManager, "rejectWaiver", r.ask("requestWaiver", "", asked), nil)
	other := r.ask("requestWaiver", "", asked)
	r.askAs(seaworthy.ComplianceManager, "approveWaiver", other, terms)
	r.ask("revokeWaiver", other, nil)
	rule := map[string]any{".source": cluster, ".team": team, ".label": "team=" + r.at("createOwnershipRule.label")}
	r.ask("changeOwnershipRule", r.ask("createOwnershipRule", "", rule), rule)
	r.ask("importCodeowners", "", map[string]any{".source": repository, ".text": "*.yaml @" + strings.ReplaceAll(r.at("importCodeowners.text"), " ", "")})
	r.ask("saveView", "", map[string]any{".page": "findings"})
	r.ask("createToken", "", map[string]any{".role": string(seaworthy.Reporter), ".source": cluster, ".teams": absent{}, ".program": absent{}, ".expires": r.in(99 * time.Hour)})
	r.ask("beginUpload", "", map[string]any{".source": r.at("beginUpload.source")})
}

// trail registers deployments and merges, and explains what was changed.
func (r *requests) trail(cluster string) {
	r.T.Helper()
	me, commit := r.Users[seaworthy.Owner].ID, strings.Repeat("c1a1", 10)
	r.ask("recordDeployment", cluster, map[string]any{
		".commit": commit, ".pullRequest": "https://git.example.com/pull/7?" + url.QueryEscape(r.at("recordDeployment.pullRequest")),
		".from": r.in(-time.Minute), ".until": r.in(time.Hour), ".lasts": absent{},
	})
	r.askByToken(seaworthy.GitHost, "confirmApproval", map[string]any{
		".commit": commit, ".pullRequest": "https://git.example.com/pull/7?" + url.QueryEscape(r.at("confirmApproval.pullRequest")), ".mergedAt": r.in(-time.Minute),
	})
	r.ask("setLinks", "", map[string]any{".ticket": "https://tickets.example.com/{ticket}?" + r.at("setLinks.ticket"), ".commit": "https://git.example.com/{repository}/{commit}?" + r.at("setLinks.commit")})
	r.ask("putActor", "", map[string]any{".source": cluster, ".user": me})
	r.ask("createChangeRule", "", map[string]any{".source": cluster, ".place": absent{}, ".approval": false})
	var changed struct {
		Items []struct {
			ID    string
			Match string
		}
	}
	r.must(json.Unmarshal(r.do(seaworthy.Owner, http.MethodGet, "/api/v1/changes?source="+cluster, nil).Body.Bytes(), &changed))
	i := slices.IndexFunc(changed.Items, func(c struct{ ID, Match string }) bool { return c.Match == string(seaworthy.MatchOutOfBand) })
	if i < 0 {
		r.T.Errorf("of %d changes none is out of band", len(changed.Items))
		return
	}
	r.ask("explainChange", changed.Items[i].ID, nil)
}

// notices makes destinations and rules, and tries them.
func (r *requests) notices(cluster, team string) {
	place := map[string]any{
		".kind": seaworthy.DestinationWebhook, ".url": "https://127.0.0.1/?" + url.QueryEscape(r.at("createDestination.url")), ".secret": absent{}, ".channel": absent{}, ".to": absent{}, ".people": false, ".disabled": false,
	}
	webhook := r.ask("createDestination", "", place)
	place[".kind"] = absent{}
	r.ask("changeDestination", webhook, place)
	r.ask("createDestination", "", map[string]any{
		".kind": seaworthy.DestinationSlack, ".url": absent{}, ".secret": "xoxb-1", ".to": absent{}, ".people": false, ".disabled": true,
	})
	rule := map[string]any{
		".kinds[]": string(seaworthy.NoticeFinding), ".severity": string(seaworthy.High), ".sources[]": cluster, ".teams[]": team, ".destinations[]": webhook, ".digest": seaworthy.DigestDaily, ".zone": "Europe/Berlin",
	}
	r.ask("changeNoticeRule", r.ask("createNoticeRule", "", rule), rule)
	if a := r.do(seaworthy.Owner, http.MethodPost, "/api/v1/destinations/"+webhook+"/test", nil); a.Code >= 300 {
		r.T.Errorf("a test notice: status %d: %.300s", a.Code, a.Body)
	}
}

// freezes freezes a list, samples it, and saves what there is.
func (r *requests) freezes(program string) {
	list := r.ask("freezeList", "", map[string]any{".program": program, ".list": "findings", ".filters": map[string]any{"check": r.at("freezeList.filter")}, ".asOf": absent{}})
	r.ask("samplePopulation", list, map[string]any{".size": 1, ".items": absent{}})
	for _, name := range []string{"changes", "users", "waivers"} {
		r.ask("freezeList", "", map[string]any{".program": program, ".list": name, ".filters": absent{}, ".asOf": absent{}})
	}
}

// apart are requests with texts in them that are not sent, each with the reason.
var apart = map[string]string{
	"makeKeyKnown":        "a key and nothing else: agents enrol in TestEveryFieldIsText by themselves",
	"sendReport":          "sent by its type",
	"sendAuditEvents":     "sent as API servers write them",
	"sendHeartbeat":       "sent by an agent",
	"orderOwnershipRules": "ids and nothing else",
	"orderChangeRules":    "ids and nothing else",
	"exportPackage":       "makes a file",
	"eraseUser":           "takes the words away that are looked at; its reason is that of eraseComment",
	"eraseWaiver":         "as above",
	"eraseChange":         "as above",
	"eraseFinding":        "as above",
	"close-program":       "nothing is looked at through a closed program",
	"setRetention":        "numbers",
	"setSla":              "numbers",
}

// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

func (a *API) agentRoutes() {
	const enrolments = "/api/v1/sources/{source}/enrolments"
	route(a, operation{
		method: http.MethodPost, path: enrolments, action: seaworthy.ManageSources, id: "enrol-agent", tag: "Agents",
		summary: "Let one agent of a cluster make its key known", status: http.StatusCreated,
		doc: "The answer holds the token for it. It is shown once, works once, and for 24 hours.",
	}, a.createEnrolment)
	route(a, operation{
		method: http.MethodGet, path: enrolments, action: seaworthy.ManageSources, id: "list-enrolments", tag: "Agents",
		summary: "Enrolments of a cluster, newest first",
	}, a.enrolments)
	route(a, operation{
		method: http.MethodDelete, path: enrolments + "/{id}", action: seaworthy.ManageSources, id: "drop-enrolment", tag: "Agents",
		summary: "Withdraw an enrolment that was not used", status: http.StatusNoContent,
	}, a.dropEnrolment)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/agents", action: seaworthy.ReadFindings, id: "list-agents", tag: "Agents",
		summary: "Agents, newest first, with what their instances last said",
	}, a.agents)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/agents/{id}", action: seaworthy.ReadFindings, id: "get-agent", tag: "Agents",
		summary: "An agent, with what its instances last said",
	}, a.agent)
	route(a, operation{
		method: http.MethodDelete, path: "/api/v1/agents/{id}", action: seaworthy.ManageSources, id: "revoke-agent", tag: "Agents",
		summary: "Revoke an agent", status: http.StatusNoContent,
		doc: "Its key counts no more, at once and for good. What it told stays. An agent that is to go on is enrolled anew.",
	}, a.revokeAgent)
	a.ofAgentsRoutes()
}

// ofAgentsRoutes are the routes that agents themselves use.
func (a *API) ofAgentsRoutes() {
	const signed = " An agent sends a JSON Web Token as bearer that it signs itself with its key (EdDSA): kid and sub are its id, aud is " +
		"'seaworthy' or the server's address, exp is five minutes after iat at most, and jti is another one in each request: a token counts once."
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/agent/enrolment", action: public, id: "make-key-known", tag: "Agents",
		summary: "Make the key of an agent known", status: http.StatusCreated,
		doc: "The bearer is the token of an enrolment. The same token with the same key gives the same agent again; with another key it is refused.",
	}, a.enrol)
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/agent/messages", action: seaworthy.SendReports, id: "send-messages", tag: "Agents",
		summary: "Send messages of an instance of an agent",
		doc: "One message of JSON on each line, each signed, of one instance; plain or compressed with gzip or zstd. What was taken before changes " +
			"nothing. Numbers that are missing are on record as a gap, and may still come for the change trail." + signed,
		requestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/x-ndjson": {Schema: &huma.Schema{Type: "string", Description: "Signed messages, one a line."}},
		}},
	}, a.sendMessages)
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/agent/heartbeat", action: seaworthy.SendReports, id: "send-heartbeat", tag: "Agents",
		summary: "Say how an instance of an agent is", doc: "Every 15 seconds: a minute of silence is a gap." + signed,
		requestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: "object", Description: "A heartbeat. What this server does not know of it is passed over."}},
		}},
	}, a.heartbeat)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/agent/configuration", action: seaworthy.SendReports, id: "get-agent-configuration", tag: "Agents",
		summary: "What an agent needs of the server", doc: "Answers 304 to If-None-Match while nothing changed. The key is secret." + signed,
		also: http.StatusNotModified,
	}, a.configuration)
}

// newEnrolment is an enrolment with its token, which is shown once.
type newEnrolment struct {
	seaworthy.Enrolment
	Token string `json:"token" doc:"Shown once."`
}

func (a *API) createEnrolment(ctx context.Context, in *OfSource) (*made[newEnrolment], error) {
	e, token, err := a.Auth.CreateEnrolment(ctx, who(ctx), in.Source)
	if err != nil {
		return nil, err
	}
	return &made[newEnrolment]{Location: "/api/v1/sources/" + e.SourceID + "/enrolments/" + e.ID, Body: newEnrolment{e, token}}, nil
}

func (a *API) enrolments(ctx context.Context, in *OfSource) (*list[seaworthy.Enrolment], error) {
	source, err := trail.Cluster(ctx, a.Store, who(ctx), in.Source)
	if err != nil {
		return nil, err
	}
	all, err := a.Store.Enrolments(ctx, source.ID)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}

func (a *API) dropEnrolment(ctx context.Context, in *struct {
	OfSource
	ByID
}) (*struct{}, error) {
	source, err := trail.Cluster(ctx, a.Store, who(ctx), in.Source)
	if err != nil {
		return nil, err
	}
	return nil, a.Auth.DropEnrolment(ctx, who(ctx), source.ID, in.ID)
}

// agentView is an agent with what its instances last said.
type agentView struct {
	seaworthy.Agent
	Instances []instanceView `json:"instances" nullable:"false"`
}

type instanceView struct {
	seaworthy.Heartbeat
	ReceivedAt time.Time         `json:"receivedAt"`
	Taken      map[string]uint64 `json:"taken" nullable:"false" doc:"The number up to which messages were taken, by stream."`
}

func (a *API) viewOf(ctx context.Context, agent seaworthy.Agent) (agentView, error) {
	v := agentView{Agent: agent, Instances: []instanceView{}}
	beats, err := a.Store.AgentInstances(ctx, agent.SourceID)
	if err != nil {
		return v, err
	}
	streams, err := a.Store.AgentStreams(ctx, agent.ID)
	if err != nil {
		return v, err
	}
	for _, b := range beats {
		if b.AgentID != agent.ID {
			continue
		}
		taken := map[string]uint64{}
		for _, s := range streams {
			if s.Instance == b.Beat.Instance {
				taken[s.Stream] = s.Taken
			}
		}
		v.Instances = append(v.Instances, instanceView{b.Beat, b.ReceivedAt, taken})
	}
	return v, nil
}

func (a *API) agents(ctx context.Context, in *struct {
	Paging
	Through
	Source string `query:"source" maxLength:"200"`
}) (*list[agentView], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	page, err := a.Store.Agents(ctx, store.AgentFilter{Source: in.Source, Program: program, Cursor: in.Cursor, Limit: in.size()})
	if err != nil {
		return nil, err
	}
	out := make([]agentView, 0, len(page.Items))
	for _, agent := range page.Items {
		v, err := a.viewOf(ctx, agent)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return pageOf(ctx, out, page.Next), nil
}

func (a *API) agent(ctx context.Context, in *ByID) (*one[agentView], error) {
	agent, err := a.Store.Agent(ctx, in.ID)
	if err == nil {
		err = a.seesSource(ctx, "agent", in.ID, agent.SourceID)
	}
	if err != nil {
		return nil, err
	}
	v, err := a.viewOf(ctx, agent)
	return &one[agentView]{Body: v}, err
}

func (a *API) revokeAgent(ctx context.Context, in *ByID) (*struct{}, error) {
	_, err := a.Auth.RevokeAgent(ctx, who(ctx), in.ID)
	return nil, err
}

func (a *API) enrol(ctx context.Context, in *struct {
	Authorization string `header:"Authorization" maxLength:"500"`
	Body          struct {
		PublicKey string `json:"publicKey" maxLength:"100" doc:"Ed25519, 32 bytes in standard base64."`
	}
}) (*made[seaworthy.Agent], error) {
	scheme, token, _ := strings.Cut(in.Authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	agent, err := a.Auth.Enrol(ctx, strings.TrimSpace(token), in.Body.PublicKey)
	if err != nil {
		return nil, err
	}
	return created("/api/v1/agents/"+agent.ID, agent)
}

// ownCluster gives the cluster of the agent that makes the request.
func (a *API) ownCluster(ctx context.Context) (seaworthy.DeclaredSource, error) {
	if auth.AgentID(who(ctx)) == "" {
		return seaworthy.DeclaredSource{}, seaworthy.Forbidden("only agents may do this, with tokens that they sign")
	}
	v, err := a.Store.Source(ctx, who(ctx).Source)
	if err == nil && !v.RetiredAt.IsZero() {
		err = seaworthy.Conflict("cluster %s was retired on %s", v.Name, v.RetiredAt.Format(time.DateOnly))
	}
	return v, err
}

// The bounds of a heartbeat.
const (
	maxBeat     = 1 << 20
	maxInstance = 100
	maxListed   = 2000
)

func checkBeat(b *seaworthy.Heartbeat) error {
	switch {
	case b.Instance == "" || len(b.Instance) > maxInstance:
		return seaworthy.Invalid("a heartbeat names its instance in %d bytes at most", maxInstance)
	case b.At.IsZero():
		return seaworthy.Invalid("a heartbeat says when it was sent")
	case len(b.Places) > 10 || len(b.Waiting) > 10 || len(b.Last) > 10 || len(b.Unlisted) > maxListed || len(b.Excess) > maxListed:
		return seaworthy.Invalid("the heartbeat lists too much")
	case b.Objects < 0 || b.Findings < 0:
		return seaworthy.Invalid("the heartbeat counts less than nothing")
	}
	return nil
}

// readBeat reads a heartbeat. Agents may be newer than the server.
func readBeat(ctx context.Context) (b seaworthy.Heartbeat, err error) {
	r := requestOf(ctx)
	data, err := io.ReadAll(http.MaxBytesReader(r.w, r.r.Body, maxBeat))
	if err != nil {
		return b, unread(err)
	}
	if err := format().Unmarshal(data, &b); err != nil {
		return b, seaworthy.Invalid("this is no heartbeat: %v", err)
	}
	return b, checkBeat(&b)
}

func (a *API) heartbeat(ctx context.Context, _ *struct{}) (*one[seaworthy.HeartbeatAnswer], error) {
	source, err := a.ownCluster(ctx)
	if err != nil {
		return nil, err
	}
	beat, err := readBeat(ctx)
	if err != nil {
		return nil, err
	}
	report, err := ingest.Beat(ctx, a.Store, who(ctx), beat)
	if err != nil {
		return nil, err
	}
	_, tag, err := a.configured(ctx, source)
	if err != nil {
		return nil, err
	}
	return &one[seaworthy.HeartbeatAnswer]{Body: seaworthy.HeartbeatAnswer{Configuration: tag, Report: report}}, nil
}

// shared is what agents of all clusters need, read for many heartbeats at once.
type shared struct {
	mu      sync.Mutex
	at      time.Time
	waivers []seaworthy.TrackedWaiver
	rules   []seaworthy.ChangeRule
}

// sharedFor is how long what was read is good.
const sharedFor = 2 * time.Second

func (a *API) readShared(ctx context.Context) (waivers []seaworthy.TrackedWaiver, rules []seaworthy.ChangeRule, err error) {
	a.shared.mu.Lock()
	defer a.shared.mu.Unlock()
	now := a.Store.Now()
	if age := now.Sub(a.shared.at); age >= 0 && age < sharedFor {
		return a.shared.waivers, a.shared.rules, nil
	}
	if waivers, err = a.Store.CountingWaivers(ctx, ""); err != nil {
		return nil, nil, err
	}
	if rules, err = a.Store.ChangeRules(ctx); err != nil {
		return nil, nil, err
	}
	a.shared.at, a.shared.waivers, a.shared.rules = now, waivers, rules
	return waivers, rules, nil
}

// configured gives what an agent of a cluster needs, and its tag.
func (a *API) configured(ctx context.Context, source seaworthy.DeclaredSource) (c seaworthy.AgentConfiguration, tag string, err error) {
	waivers, rules, err := a.readShared(ctx)
	if err != nil {
		return c, "", err
	}
	now := a.Store.Now()
	deployments, err := a.Store.DeploymentsDuring(ctx, source.ID, now.Add(-changes.Leeway), now.Add(24*time.Hour))
	if err != nil {
		return c, "", err
	}
	c = seaworthy.AgentConfiguration{
		Source: source, Waivers: []seaworthy.TrackedWaiver{}, Key: a.Trail.KeyOf(source.ID), Rules: []seaworthy.ChangeRule{}, Deployments: deployments,
	}
	for _, w := range waivers {
		if w.SourceID == "" || w.SourceID == source.ID {
			c.Waivers = append(c.Waivers, w)
		}
	}
	for _, r := range rules {
		if r.SourceID == "" || r.SourceID == source.ID {
			c.Rules = append(c.Rules, r)
		}
	}
	tag, err = etag(c)
	return c, tag, err
}

// configuration is what an agent needs, or nothing if it has it.
type configuration struct {
	Status int
	ETag   string `header:"ETag"`
	Body   *seaworthy.AgentConfiguration
}

func (a *API) configuration(ctx context.Context, in *struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"500"`
}) (*configuration, error) {
	source, err := a.ownCluster(ctx)
	if err != nil {
		return nil, err
	}
	c, tag, err := a.configured(ctx, source)
	if err != nil {
		return nil, fmt.Errorf("gather the configuration of an agent: %w", err)
	}
	if in.IfNoneMatch == tag {
		return &configuration{Status: http.StatusNotModified, ETag: tag}, nil
	}
	return &configuration{Status: http.StatusOK, ETag: tag, Body: &c}, nil
}

// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

func (a *API) settingRoutes() {
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/settings/retention", action: seaworthy.Administer, id: "get-retention", tag: "Settings",
		summary: "How many days each class of data is kept",
	}, a.retention)
	route(a, operation{
		method: http.MethodPut, path: "/api/v1/settings/retention", action: seaworthy.Administer, id: "set-retention", tag: "Settings",
		summary: "Set how many days each class of data is kept", doc: "What belongs to the period of an open program is kept, whatever this says.",
	}, a.setRetention)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/settings/links", action: seaworthy.ReadFindings, id: "get-links", tag: "Settings",
		summary: "Where tickets and commits that deployments name are found",
	}, a.links)
	route(a, operation{
		method: http.MethodPut, path: "/api/v1/settings/links", action: seaworthy.ManageSources, id: "set-links", tag: "Settings",
		summary: "Say where tickets and commits are found", doc: "Addresses that begin with https:// or http://; a deployment's own addresses are links without.",
	}, a.setLinks)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/health", action: seaworthy.ReadLog, id: "get-health", tag: "About",
		summary: "How the server does: its log, its periodic work, its database",
	}, a.health)
}

func (a *API) retention(ctx context.Context, _ *struct{}) (*one[audit.Retention], error) {
	r, err := a.Audit.Retention(ctx)
	if err != nil {
		return nil, err
	}
	return record(r)
}

func (a *API) setRetention(ctx context.Context, in *struct {
	Edit
	Body audit.Retention
}) (*one[audit.Retention], error) {
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return audit.ChangeableRetention(tx) })
	if err := a.Audit.SetRetention(ctx, who(ctx), in.Body); err != nil {
		return nil, err
	}
	return record(in.Body)
}

func (a *API) links(ctx context.Context, _ *struct{}) (*one[trail.Links], error) {
	l, err := trail.LinksOf(ctx, a.Store)
	if err != nil {
		return nil, err
	}
	return record(l)
}

func (a *API) setLinks(ctx context.Context, in *struct {
	Edit
	Body trail.Links
}) (*one[trail.Links], error) {
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return trail.ChangeableLinks(tx) })
	if err := trail.SetLinks(ctx, a.Store, who(ctx), in.Body); err != nil {
		return nil, err
	}
	return record(in.Body)
}

// health is how a server does.
type health struct {
	Version    string           `json:"version"`
	Database   string           `json:"database"`
	Blobs      string           `json:"blobs"`
	Now        time.Time        `json:"now"`
	LogSize    int64            `json:"logSize"`
	Checkpoint *time.Time       `json:"checkpoint,omitempty" doc:"When the newest checkpoint was signed."`
	SelfCheck  *store.SelfCheck `json:"selfCheck,omitempty" doc:"The latest verification of everything that is kept."`
	Jobs       []store.Job      `json:"jobs" nullable:"false"`
	// Witnessed tells whether somebody else would notice a rollback of the database.
	Witnessed bool `json:"witnessed" doc:"Whether a witness cosigned; without one, a rollback of the whole database would go unseen."`
}

func (a *API) health(ctx context.Context, _ *struct{}) (*one[health], error) {
	out := health{Version: a.Version, Database: a.Store.Engine(), Blobs: a.Vault.String(), Now: a.Store.Now()}
	var err error
	if out.LogSize, _, err = a.Store.LogHead(ctx); err != nil {
		return nil, err
	}
	if out.Jobs, err = a.Store.Jobs(ctx); err != nil {
		return nil, err
	}
	out.Jobs = notNil(out.Jobs)
	if c, err := a.Store.LastCheckpoint(ctx); err == nil {
		out.Checkpoint = &c.At
	}
	checks, err := a.Store.SelfChecks(ctx, 1)
	if err != nil {
		return nil, err
	}
	if len(checks) == 1 {
		checks[0].Problems = notNil(checks[0].Problems)
		out.SelfCheck = &checks[0]
	}
	seen, err := a.Store.LastCosigned(ctx)
	out.Witnessed = len(seen) > 0
	if err != nil {
		return nil, err
	}
	return record(out)
}

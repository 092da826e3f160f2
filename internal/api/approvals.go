// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

func (a *API) approvalRoutes() {
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/approvals", action: seaworthy.ConfirmApprovals, id: "confirm-approval", tag: "Changes",
		summary: "Say, as the git host, who wrote, approved and merged a commit",
		doc: "Needs a token of the role git-host, which nobody but the git host should hold: a job of a protected branch, or an app that its " +
			"webhooks call. It is held against every deployment that names the commit, registered before or after: changes become verified when " +
			"somebody other than the author approved, before the deployment's end; else the claim is contradicted and they are out of band. A " +
			"deployment that names the pull request and another commit is contradicted; one that names no commit stays a claim. The newest word counts.",
	}, a.confirmApproval)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/approvals", action: seaworthy.ReadFindings, id: "list-approvals", tag: "Changes",
		summary: "What the git host said of commits, newest first",
	}, a.approvals)
}

// confirmed says what the git host's word came to.
type confirmed struct {
	seaworthy.Confirmation
	Deployments int `json:"deployments" doc:"How many deployments name the commit so far."`
}

func (a *API) confirmApproval(ctx context.Context, in *struct {
	Body struct {
		Repository string    `json:"repository,omitempty" maxLength:"500"`
		Commit     string    `json:"commit" minLength:"40" maxLength:"64" doc:"Of the merge, in full."`
		PullURL    string    `json:"pullRequest,omitempty" maxLength:"1000" format:"uri"`
		Author     string    `json:"author,omitempty" maxLength:"300" doc:"E-mail addresses tell whether who approved also made the change in the cluster."`
		Approvers  []string  `json:"approvers,omitempty" maxItems:"100"`
		MergedBy   string    `json:"mergedBy,omitempty" maxLength:"300"`
		MergedAt   time.Time `json:"mergedAt,omitzero"`
		Refusal    string    `json:"refusal,omitempty" maxLength:"1000" doc:"Why it is no approval, where the git host knows: a review that was dismissed, a check that was bypassed."`
	}
}) (*one[confirmed], error) {
	for _, name := range in.Body.Approvers {
		if len(name) > 300 {
			return nil, seaworthy.Invalid("the name of an approver is longer than 300 characters")
		}
	}
	b := in.Body
	said, n, err := trail.Confirm(ctx, a.Trail, who(ctx), seaworthy.Confirmation{
		Repository: b.Repository, Commit: b.Commit, PullURL: b.PullURL,
		Approval: seaworthy.Approval{Author: b.Author, Approvers: b.Approvers, MergedBy: b.MergedBy, MergedAt: b.MergedAt, Refusal: b.Refusal},
	})
	if err != nil {
		return nil, err
	}
	return &one[confirmed]{Body: confirmed{said, n}}, nil
}

func (a *API) approvals(ctx context.Context, in *struct{ Paging }) (*list[seaworthy.Confirmation], error) {
	if err := everyone(ctx, "approvals"); err != nil {
		return nil, err
	}
	page, err := a.Store.Confirmations(ctx, in.Cursor, in.size())
	if err != nil {
		return nil, err
	}
	return pageOf(ctx, page.Items, page.Next), nil
}

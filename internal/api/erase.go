// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"github.com/seaworthy-dev/seaworthy"
)

// eraseRoutes destroy what is held of people, owners only. Evidence has a route of its own.
func (a *API) eraseRoutes() {
	for _, e := range []struct{ kind, path, tag, summary, doc string }{
		{"user", "users", "People", "Destroy what an account holds of its person",
			"Name, address, credentials and sessions go; the account stays under its id, disabled, so that what it did stays whose it was. The last owner stays."},
		{"comment", "comments", "Findings", "Destroy the text of a comment", "Who wrote it, when, and a tombstone with the reason stay."},
		{"waiver", "waivers", "Waivers", "Destroy the words of a waiver",
			"Its reason, the compensating control and notes go. Who asked and who decided, what is waived and until when stay."},
		{"change", "changes", "Changes", "Destroy the explanation of a change", "That it was explained, when and by whom stays, and it stays out of band."},
		{"finding", "findings", "Findings", "Destroy what people noted with the steps of a finding",
			"Reasons for due dates and addresses of tickets go; what was noted with many findings at once goes from all of them. Comments and waivers are erased by themselves."},
	} {
		route(a, operation{
			method: http.MethodPost, path: "/api/v1/" + e.path + "/{id}/erase", action: seaworthy.Administer, id: "erase-" + e.kind, tag: e.tag,
			summary: e.summary, doc: e.doc + " The erasure is logged.", status: http.StatusNoContent,
		}, func(ctx context.Context, in *erasure) (*struct{}, error) {
			if e.kind == "user" {
				return nil, a.Auth.EraseUser(ctx, who(ctx), in.ID, in.Body.Reason)
			}
			return nil, a.Triage.Erase(ctx, who(ctx), e.kind, in.ID, in.Body.Reason)
		})
	}
}

// erasure is why something is erased.
type erasure struct {
	ByID
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"It is kept and logged: it names nobody."`
	}
}

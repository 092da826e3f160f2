// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"context"

	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// undecided is the authorizer offline: nobody can say what a user may do, so it has no
// opinion on anything.
type undecided struct{}

// Authorize has no opinion.
func (undecided) Authorize(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, "offline, permissions are not known", nil
}

// requester is the user of a request in the API server's terms.
type requester struct{ r *Request }

func (u requester) GetName() string               { return u.r.Username }
func (u requester) GetUID() string                { return "" }
func (u requester) GetGroups() []string           { return u.r.Groups }
func (u requester) GetExtra() map[string][]string { return nil }

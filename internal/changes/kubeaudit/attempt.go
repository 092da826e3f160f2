// SPDX-License-Identifier: Apache-2.0

package kubeaudit

import (
	"cmp"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// forbidden tells whether the API server denied a request to somebody whom it knew.
func (e *event) forbidden() bool {
	return e.ResponseStatus != nil && e.ResponseStatus.Code == http.StatusForbidden
}

// What the API server answers to who may not act as somebody else. Names are quoted, so that
// none can pass for another part.
const (
	quoted = `"(?:[^"\\]|\\.)*"`
	denied = `forbidden: User ` + quoted + ` cannot impersonate`
)

// unauthorized names as whom: of which resource, group and namespace that is. constrained tells
// only which kind of identity it is: who may not do what was asked for in any other's name is
// refused before anybody looks whose name that is.
var (
	unauthorized = regexp.MustCompile(`^[a-z0-9.-]+(?: (` + quoted + `))? is ` + denied + `(?::[a-z-]+)? resource "([^"]+)" in API group "([^"]*)" ` +
		`(?:at the cluster scope|in the namespace "([^"]*)")`)
	constrained = regexp.MustCompile(`^(?:[a-z0-9.-]+(?: ` + quoted + `)? is )?` + denied + `-on:([a-z-]+):`)
)

// identities are the kinds of what one acts as, by resource, and by the mode of constrained
// impersonation.
var identities = map[string]string{
	"users": "User", "groups": "Group", "serviceaccounts": "ServiceAccount", "uids": "UID", "userextras": "UserExtra", "nodes": "Node",
	"user-info": "User", "serviceaccount": "ServiceAccount", "arbitrary-node": "Node", "associated-node": "Node",
}

// actingAs is as whom somebody tried to act who may not, by the name * where the API server
// does not tell; nil: nobody did.
func (e *event) actingAs() *seaworthy.Object {
	if !e.forbidden() {
		return nil
	}
	if m := constrained.FindStringSubmatch(e.ResponseStatus.Message); m != nil {
		return &seaworthy.Object{APIVersion: "authentication.k8s.io/v1", Kind: cmp.Or(identities[m[1]], m[1]), Name: "*"}
	}
	m := unauthorized.FindStringSubmatch(e.ResponseStatus.Message)
	if m == nil {
		return nil
	}
	name, err := strconv.Unquote(cmp.Or(m[1], `"*"`))
	if err != nil {
		name = m[1]
	}
	resource, _, _ := strings.Cut(m[2], "/")
	return &seaworthy.Object{
		APIVersion: strings.TrimPrefix(m[3]+"/v1", "/"), Kind: cmp.Or(identities[resource], m[2]), Namespace: m[4], Name: unescape.Replace(name),
	}
}

// unescape takes back what the API server does to its messages.
var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// impersonation says what somebody asked for in another's name who may not act as them; nil:
// nobody did.
func (e *event) impersonation() *seaworthy.Judgement {
	as := e.actingAs()
	if as == nil {
		return nil
	}
	what, _, _ := strings.Cut(e.RequestURI, "?")
	if r := e.ObjectRef; what == "" && r != nil { // as Google tells it
		what = strings.TrimPrefix(strings.Join([]string{r.APIGroup, r.Namespace, r.Resource, r.Name, r.Subresource}, "/"), "/")
	}
	name := strings.TrimPrefix(as.Namespace+"/"+as.Name, "/")
	if name == "*" {
		name = "of a name that the API server does not tell"
	}
	return &seaworthy.Judgement{
		Door: seaworthy.DoorImpersonation, Mode: "deny", Items: []string{"as " + as.Kind + " " + name + ": " + strings.TrimSpace(e.Verb+" "+what)},
	}
}

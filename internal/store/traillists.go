// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// debugged is what an edit of a pod's containers for debugging has in a change's document:
// quotes within texts are escaped there, so that nobody can write it into one.
const (
	debugged     = `document LIKE '%"subresource":"ephemeralcontainers"%' OR (kind = 'Pod' AND document LIKE '%"path":"spec.ephemeralContainers%')`
	impersonated = `document LIKE '%"impersonator":"%'`
)

// sessionRows are requests that reach into a cluster: connections, containers for debugging,
// reads of Secrets and other reads that were denied, whatever was asked for in another's name.
const sessionRows = `(SELECT * FROM changes WHERE verb IN ('exec', 'attach', 'portforward', 'proxy', 'read', 'impersonate') OR ` + impersonated + ` OR ` + debugged + `) changes`

// accessRows are writes of roles and of their bindings; also where no place told the group.
const accessRows = `(SELECT * FROM changes WHERE kind IN ('Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding')
	AND verb IN ('create', 'update', 'delete')
	AND (document LIKE '%"apiVersion":"rbac.authorization.k8s.io/%' OR document LIKE '%"apiVersion":""%')) changes`

// trailList is a list of the change trail, each row of which is one change.
func trailList(table string, columns []string, t *trailRows, values func(*seaworthy.Change) []any) list {
	first := []string{"id", "source", "cluster", "environment", "at", "verb"}
	last := []string{"user", "impersonator", "groups", "user_agent", "addresses", "person", "person_by", "outcome", "match", "match_why", "deployment",
		"approved_late", "ticket", "pull_request", "commit", "approvers", "explained_by", "explained", "explanation", "flags", "seen_by", "not_seen_by"}
	return list{
		table: table, selected: "document", order: "at, id", columns: slices.Concat(first, columns, last),
		filters: map[string]string{"source": "source_id", "namespace": "namespace", "kind": "kind", "name": "name", "actor": "actor", "verb": "verb", "match": "approval"},
		also:    map[string]func(*where, string) error{"environment": t.environment, "unexplained": unexplained, "flag": flagged},
		scope: func(w *where, q ListQuery) {
			within(w, q, "source_id", "namespace")
			during(w, q, "at", "at")
			until(w, q, "at")
		},
		row: func(row scanner) ([]any, error) {
			c, err := scanDocument[seaworthy.Change](row)
			if err != nil {
				return nil, err
			}
			t.add(&c)
			s := t.sources[c.SourceID]
			return slices.Concat([]any{c.ID, c.SourceID, s.Name, s.Environment, text(c.At), c.Verb}, values(&c), t.whose(&c)), nil
		},
		prepare: t.prepare, account: t.account,
	}
}

// whose tells who made a change, how it stands to an approval, and who saw it.
func (t *trailRows) whose(c *seaworthy.Change) []any {
	a, d := &c.Actor, t.claims[c.MatchID]
	var by, when, why string
	if e := c.Explained; e != nil {
		by, when, why = e.By, text(e.At), e.Note
	}
	flags := make([]string, len(c.Flags))
	for i, f := range c.Flags {
		flags[i] = string(f)
	}
	saw, lacks := Seers(c)
	return []any{a.Username, a.Impersonator, strings.Join(a.Groups, "; "), a.UserAgent, strings.Join(a.SourceIPs, "; "), a.Person, a.PersonBy,
		string(c.Outcome), string(c.Match), c.MatchWhy, c.MatchID, c.Late, d.ticket, d.pull, d.commit, d.approvers, by, when, why,
		strings.Join(flags, "; "), words(saw), words(lacks)}
}

// TrailLists names the lists of changes that a change is a row of.
func TrailLists(c *seaworthy.Change) []string {
	out := []string{"changes"}
	switch c.Object.Kind {
	case "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding":
		writes := c.Verb == seaworthy.VerbCreate || c.Verb == seaworthy.VerbUpdate || c.Verb == seaworthy.VerbDelete
		if group := c.Object.Group(); writes && (group == "rbac.authorization.k8s.io" || c.Object.APIVersion == "") {
			out = append(out, "access")
		}
	}
	if sessionOf(c) != "" {
		out = append(out, "sessions")
	}
	return out
}

// Seers are the places that saw a change, and those that did not: nothing says that these
// should have.
func Seers(c *seaworthy.Change) (saw, lacks []string) {
	for _, place := range trailPlaces {
		if slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.By == place }) {
			saw = append(saw, place)
		} else {
			lacks = append(lacks, place)
		}
	}
	return saw, lacks
}

func unexplained(w *where, value string) error {
	switch value {
	case "true":
		w.conditions = append(w.conditions, "unexplained")
	case "false":
		w.conditions = append(w.conditions, "NOT unexplained")
	default:
		return seaworthy.Invalid("unexplained is true or false, not %q", value)
	}
	return nil
}

func flagged(w *where, value string) error {
	if !slices.Contains(seaworthy.Flags, seaworthy.Flag(value)) {
		return seaworthy.Invalid("no change is marked %q", value)
	}
	w.add("flags LIKE ?", "%|"+value+"|%") // no flag has a character that LIKE reads
	return nil
}

// environment narrows to the clusters that are of an environment now.
func (t *trailRows) environment(w *where, value string) error {
	ids := []string{""} // of no cluster
	for id, s := range t.sources {
		if s.Environment == value {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	w.among("source_id", ids)
	return nil
}

func changesList() list {
	columns := []string{"api_version", "kind", "namespace", "name", "subresource", "uid", "resource_version", "edits", "edited", "images", "bypassed_admission", "cause", "folded"}
	return trailList("changes", columns, &trailRows{}, func(c *seaworthy.Change) []any {
		o := &c.Object
		paths := make([]string, len(c.Edits))
		for i, e := range c.Edits {
			paths[i] = e.Path
		}
		return []any{o.APIVersion, o.Kind, o.Namespace, o.Name, o.Subresource, o.UID, o.ResourceVersion, int64(len(c.Edits) + c.EditsLeftOut),
			strings.Join(paths, "; "), strings.Join(c.Images, "; "), slices.Contains(c.Flags, seaworthy.FlagBypassed), c.Cause, int64(c.Folded)}
	})
}

func sessionsList() list {
	columns := []string{"session", "kind", "namespace", "name", "subresource"}
	t := &trailRows{needs: []string{seaworthy.SeenByWebhook, seaworthy.SeenByAudit}, says: []string{
		"reads of Secrets, other reads that were denied, and who acted or tried to act in another's name, are seen in audit events alone; sessions in these and by the admission webhook; a watch sees none",
	}}
	return trailList(sessionRows, columns, t, func(c *seaworthy.Change) []any {
		o := &c.Object
		return []any{sessionOf(c), o.Kind, o.Namespace, o.Name, o.Subresource}
	})
}

// sessionOf says what kind of session a change is.
func sessionOf(c *seaworthy.Change) string {
	what := ""
	switch c.Verb {
	case seaworthy.VerbExec, seaworthy.VerbAttach, seaworthy.VerbProxy:
		what = c.Verb
	case seaworthy.VerbPortForward:
		what = "port-forward"
	case seaworthy.VerbRead:
		what = "read of a " + c.Object.Kind
	case seaworthy.VerbImpersonate:
		what = "impersonation of a " + c.Object.Kind
	default:
		if c.Object.Subresource == "ephemeralcontainers" || c.Object.Kind == "Pod" && slices.ContainsFunc(c.Edits, func(e seaworthy.Edit) bool { return strings.HasPrefix(e.Path, "spec.ephemeralContainers") }) {
			what = "debug"
		}
	}
	if c.Actor.Impersonator != "" {
		what = strings.TrimPrefix(what+", impersonation", ", ")
	}
	return what
}

func deploymentsList() list {
	t := &trailRows{}
	matched := map[string]int{}
	return list{
		table: "deployments", selected: "document", order: "from_at, id",
		columns: []string{"id", "source", "cluster", "environment", "from", "until", "recorded", "recorded_by", "by", "namespaces", "images", "objects", "identity",
			"repository", "commit", "pull_request", "ticket", "author", "approvers", "merged_by", "merged", "confirmed", "confirmed_by", "refusal", "changes"},
		filters: map[string]string{"source": "source_id", "commit": "commit_id", "pull_request": "pull_url"},
		also:    map[string]func(*where, string) error{"environment": t.environment},
		scope: func(w *where, q ListQuery) {
			within(w, q, "source_id", "")
			during(w, q, "from_at", "until_at")
		},
		prepare: func(v *View, q ListQuery) error {
			if err := t.readSources(v); err != nil {
				return err
			}
			return v.eachChange(q, "changes", func(c *seaworthy.Change) {
				if c.MatchID != "" {
					matched[c.MatchID]++
				}
			})
		},
		row: func(row scanner) ([]any, error) {
			d, err := scanDocument[seaworthy.Deployment](row)
			if err != nil {
				return nil, err
			}
			a := cmp.Or(d.Verified, &seaworthy.Approval{})
			s := t.sources[d.SourceID]
			return []any{d.ID, d.SourceID, s.Name, s.Environment, text(d.From), text(d.Until), text(d.RecordedAt), d.RecordedBy, d.By, words(d.Namespaces),
				strings.Join(d.Images, "; "), objectNames(d.Objects), d.Identity, d.Repository, d.Commit, d.PullURL, d.Ticket, a.Author,
				strings.Join(a.Approvers, "; "), a.MergedBy, text(a.MergedAt), text(a.CheckedAt), a.CheckedBy, a.Refusal, int64(matched[d.ID])}, nil
		},
		account: func(v *View, q ListQuery) ([]string, error) { return t.claimed(v, q, matched) },
	}
}

func objectNames(list []seaworthy.Object) string {
	names := make([]string, len(list))
	for i, o := range list {
		names[i] = strings.TrimSpace(o.Kind + " " + strings.TrimPrefix(o.Namespace+"/"+o.Name, "/"))
	}
	return strings.Join(names, "; ")
}

// mergesList is what the git host said of commits: of no cluster, so that of every program.
func mergesList() list {
	return documents("confirmations", "id",
		[]string{"id", "repository", "commit", "pull_request", "author", "approvers", "merged_by", "merged", "confirmed", "confirmed_by", "refusal"},
		map[string]string{"commit": "commit_id", "pull_request": "pull_url"}, everything,
		func(c seaworthy.Confirmation) []any {
			return []any{c.ID, c.Repository, c.Commit, c.PullURL, c.Author, strings.Join(c.Approvers, "; "), c.MergedBy, text(c.MergedAt), text(c.CheckedAt),
				c.CheckedBy, c.Refusal}
		})
}

func changeRulesList() list {
	return documents("change_rules", "place, id",
		[]string{"id", "source", "place", "name", "namespaces", "kinds", "names", "users", "verbs", "paths", "needs_approval"},
		map[string]string{"source": "source_id"},
		func(w *where, q ListQuery) { w.withinOrNowhere(q.Program, "source_id") },
		func(r seaworthy.ChangeRule) []any {
			return []any{r.ID, r.SourceID, int64(r.Place), r.Name, words(r.Namespaces), words(r.Kinds), words(r.Names), words(r.Users), words(r.Verbs), words(r.Paths), r.Approval}
		})
}

func agentsList() list {
	return documents("agents", "id", []string{"id", "source", "public_key", "enrolled", "enrolled_by", "revoked"}, map[string]string{"source": "source_id"},
		func(w *where, q ListQuery) { within(w, q, "source_id", "") },
		func(a seaworthy.Agent) []any {
			return []any{a.ID, a.SourceID, a.PublicKey, text(a.EnrolledAt), a.EnrolledBy, text(a.RevokedAt)}
		})
}

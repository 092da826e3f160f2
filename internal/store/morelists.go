// SPDX-License-Identifier: Apache-2.0

package store

import (
	"github.com/seaworthy-dev/seaworthy"
)

func sourcesList() list {
	return documents("sources", "id",
		[]string{"id", "kind", "name", "environment", "team", "declared", "every", "created", "retired"},
		map[string]string{"kind": "kind", "name": "name"},
		everything, // what is out of scope is what the list is compared with
		func(s seaworthy.DeclaredSource) []any {
			return []any{s.ID, s.Kind, s.Name, s.Environment, s.Team, s.Declared, s.Every.String(), text(s.CreatedAt), text(s.RetiredAt)}
		})
}

func gapsList() list {
	return documents("gaps", "from_at, id",
		[]string{"id", "source", "kind", "from", "to", "reason"},
		map[string]string{"source": "source_id", "kind": "kind"},
		func(w *where, q ListQuery) {
			within(w, q, "source_id", "")
			if q.Program.ID != "" {
				w.add("from_at < ?", micros(q.Program.To))
				w.add("(to_at = 0 OR to_at > ?)", micros(q.Program.From))
			}
		},
		func(g seaworthy.Gap) []any {
			return []any{g.ID, g.SourceID, g.Kind, text(g.From), text(g.To), g.Reason}
		})
}

func usersList() list {
	return documents("users", "id",
		[]string{"id", "email", "name", "role", "teams", "program", "expires", "disabled", "second_factor", "external", "created"},
		map[string]string{"email": "email"}, everything,
		func(u seaworthy.User) []any {
			return []any{u.ID, u.Email, u.Name, string(u.Role), words(u.Teams), u.Program, text(u.Expires), u.Disabled, u.SecondFactor, u.External, text(u.CreatedAt)}
		})
}

func tokensList() list {
	return documents("tokens", "id",
		[]string{"id", "name", "user", "role", "source", "teams", "program", "created", "expires", "revoked"},
		map[string]string{"user": "user_id"}, everything,
		func(t seaworthy.Token) []any {
			return []any{t.ID, t.Name, t.UserID, string(t.Role), t.Source, words(t.Teams), t.Program, text(t.CreatedAt), text(t.Expires), text(t.RevokedAt)}
		})
}

func runsList() list {
	return documents("runs", "finished_at, id",
		[]string{"id", "source", "kind", "started", "finished", "received", "complete", "unlisted", "identity", "cluster_uid", "kubernetes_version",
			"tool_version", "catalogue_digest", "parameters_digest", "checks", "objects", "findings", "opened", "fixed", "regressed", "digest", "actor"},
		map[string]string{"source": "source_id"},
		func(w *where, q ListQuery) {
			within(w, q, "source_id", "")
			during(w, q, "finished_at", "finished_at")
			until(w, q, "received_at")
		},
		func(r seaworthy.Run) []any {
			s := r.Header.Source
			return []any{r.ID, r.SourceID, s.Kind, text(s.Started), text(r.FinishedAt), text(r.ReceivedAt), r.Complete, int64(len(r.Unlisted)), s.Identity, s.ClusterUID,
				s.KubernetesVersion, r.Header.Tool.Version, r.Header.Catalogue.Digest, r.Header.Catalogue.ParametersDigest, int64(len(r.Checks)),
				int64(r.Summary.Objects), int64(r.Summary.Findings), int64(r.Opened), int64(r.Fixed), int64(r.Regressed), r.Digest, r.Actor}
		})
}

func evidenceList() list {
	return documents("evidence", "logged_at, id",
		[]string{"id", "kind", "shows", "title", "controls", "occurrences", "source", "system", "collector", "query", "scope", "rows", "run", "effective_from",
			"effective_to", "collected", "received", "logged", "erased", "sha256", "size", "media_type", "file_name", "url", "statement"},
		map[string]string{"kind": "kind", "shows": "shows", "source": "source_id"},
		func(w *where, q ListQuery) {
			during(w, q, "effective_from", "effective_to")
			w.withinOrNowhere(q.Program, "source_id")
			until(w, q, "logged_at")
		},
		func(e seaworthy.Evidence) []any {
			return []any{e.ID, e.Kind, e.Shows, e.Title, words(e.Controls), words(e.Occurrences), e.SourceID, e.System, e.Collector, e.Query, words(e.Scope),
				int64(e.Rows), e.RunID, text(e.EffectiveFrom), text(e.EffectiveTo), text(e.CollectedAt), text(e.ReceivedAt), text(e.LoggedAt), text(e.ErasedAt),
				e.Digest, e.Size, e.MediaType, e.FileName, e.URL, e.Statement}
		})
}

func logList() list {
	return list{
		table: "log_entries", selected: logColumns, order: "idx",
		columns: []string{"log_index", "at", "kind", "subject", "actor", "leaf", "erased"},
		filters: map[string]string{"kind": "kind", "subject": "subject", "actor": "actor"},
		scope: func(w *where, q ListQuery) {
			during(w, q, "at", "at")
			until(w, q, "at")
		},
		row: func(row scanner) ([]any, error) {
			e, err := scanEntry(row)
			return []any{e.Index, text(e.At), e.Kind, e.Subject, e.Actor, e.Leaf, e.Erased}, err
		},
	}
}

func actionsList() list {
	return documents("actions", "at, id",
		[]string{"id", "at", "actor", "verb", "subject"},
		map[string]string{"actor": "actor"},
		func(w *where, q ListQuery) {
			during(w, q, "at", "at")
			until(w, q, "at")
		},
		func(a Action) []any { return []any{a.ID, text(a.At), a.Actor, a.Verb, a.Subject} })
}

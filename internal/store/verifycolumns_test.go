// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// outside are the tables of which the self-check proves nothing, each with the reason. A
// new table is proved, or it stands here.
var outside = map[string]string{
	"goose_db_version": "the schema's version: a server refuses one that it does not know",
	"jobs":             "when work is next due; that the self-check is overdue shows beside its result",
	"saved_views":      "how people like their lists",
	"visits":           "when people last looked: it tells them what is new, and nothing else",
	"objects":          "an index of what reports named; the reports are in the vault under digests that are proved",
	"credentials":      "secrets are not logged: who can write them can sign in as anybody, and what is done then is logged",
	"identities":       "as credentials",
	"links":            "as credentials",
	"sessions":         "as credentials",
	"spent":            "as credentials",
	"token_secrets":    "as credentials",
	"attempts":         "as credentials",
	"uploads":          "reports on their way: one is taken whole, and as it was sent, or not at all",
	"upload_pieces":    "as uploads",

	"destination_secrets": "secrets are not logged: who can write them can read what is said there, and the deliveries are logged",
	"destination_states":  "how destinations do; every delivery is proved",
	"notices":             "the outbox: what caused a notice is proved, and so is what came of it",
	"notice_keys":         "as notices",
	"notice_queue":        "as notices",
	"notice_threads":      "where a destination shows a message",

	"enrolment_secrets":     "as credentials",
	"agent_streams":         "how far messages were taken: what is taken twice changes nothing, and the agent's own count tells of what is left out",
	"agent_tokens":          "tokens of the last minutes that were used; who removes one may use it again, with the agent's own signature",
	"agent_instances":       "what agents last said of themselves; what follows of their silence is in gaps",
	"finding_count_changes": "what servers bring their memory up to date with; the counters are proved, and read anew every day",
	"known_objects":         "by what controllers' work is told from changes: who alters it has that work told, or a pod that its owner does not know of counted",
	"live_sources":          "as agent_instances: whoever alters it has a silence noticed late, which the agent's own messages tell of",
	"audit_streams":         "as live_sources: what came of a silence is in gaps",
	"unseen_findings":       "what is left out where an agent and the server compare: altered, they differ and a whole report is asked for",
}

// unproved are changes to proved tables that the self-check cannot know of: a column, or
// "add" or "delete" for whole rows, each with the reason.
var unproved = map[string]string{
	"checkpoints.at":              "the server's word; a timestamp of an authority says it better",
	"checkpoints.timestamp_token": "the authority's word, which is checked with its certificate where packages are verified",
	"cosignatures.witness":        "a name without a configured key is nobody's word",
	"cosignatures.add":            "as a name",
	"cosignatures.delete":         "the witness keeps its own",
	"finding_days.day":            "the picture of a trend; the sum over its days is proved",
	"log_state.add":               "only the first row is read",
	"log_state.id":                "without it nothing can be checked, which is an error and no pass",
	"log_state.delete":            "as its id",
	"log_tiles.add":               "nobody asks for hashes behind the end of the log",
	"source_states.lists_objects": "whether the latest report named objects without findings; the report is in the vault",
}

// picked says which row of a table is altered, where any is not as good.
var picked = map[string]string{
	"log_entries": "kind = 'team'", // an older version of a record that was not erased
	"settings":    "key = 'sla'",
	"self_checks": "problems <> '[]'",
}

// Whatever is altered in whatever column, added or removed, the self-check finds it and
// names it, or the exception stands above.
func TestEveryColumnIsProved(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		f := newForger(t, c)
		for i, table := range f.tables() {
			if outside[table] != "" || testing.Short() && i%4 > 0 { // the full tests forge all
				continue
			}
			t.Run(table, func(t *testing.T) {
				f.T = t
				r := f.row(table)
				for i, column := range r.columns {
					for name, forged := range forgeries(r.values[i], r.nullable[i], slices.Contains(r.key, i)) {
						f.expect(table, column, column+" "+name, r, func() { f.update(r, i, forged) }, func() { f.restore(r, i, forged) })
					}
				}
				f.expect(table, "delete", "delete", r, func() { f.delete(r, r.values) }, func() { f.insert(r, r.values) })
				added := f.copied(r)
				f.expect(table, "add", "add", r.with(added), func() { f.insert(r, added) }, func() { f.delete(r, added) })
				if again, err := f.verify(); err != nil || len(again) > 0 {
					t.Fatalf("all was put back, and the self-check tells %q, %v", again, err)
				}
			})
		}
	})
}

// Each exception is of something that is there: none outlives its table.
func TestExceptionsAreNeeded(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		f := newForger(t, c)
		tables := f.tables()
		for table := range outside {
			if !slices.Contains(tables, table) {
				t.Errorf("there is no table %s", table)
			}
		}
		for at := range unproved {
			table, column, _ := strings.Cut(at, ".")
			if !slices.Contains(tables, table) || column != "add" && column != "delete" && !slices.Contains(f.row(table).columns, column) {
				t.Errorf("there is no %s", at)
			}
		}
	})
}

// forger alters one row at a time.
type forger struct {
	*testing.T
	ctx     context.Context
	config  store.Config
	store   *store.Store
	conn    *sql.Conn
	key     note.Verifier
	witness note.Verifier
}

func newForger(t *testing.T, c store.Config) *forger {
	t.Helper()
	s := storetest.Open(t, c)
	signer, verifier := keys(t)
	fillAll(t, s, 40)
	head, err := s.Checkpoint(t.Context(), signer)
	if err != nil {
		t.Fatal(err)
	}
	mine, theirs, err := tlog.GenerateCosigner("witness.example")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	cosigner, err := tlog.ParseCosigner(mine, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	witness, err := tlog.ParseKey(theirs)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(head.Note, "\n\n")
	line, err := cosigner.Line(text + "\n")
	if err == nil {
		err = s.AddCosignature(t.Context(), head.Size, store.Cosignature{Witness: witness.Name(), At: at, Line: line})
	}
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{T: t, ctx: t.Context(), config: c, store: s, conn: storetest.Behind(t, c), key: verifier, witness: witness}
	if problems, err := f.verify(); err != nil || len(problems) > 0 {
		t.Fatalf("before anything is altered: %q, %v", problems, err)
	}
	return f
}

func (f *forger) verify() ([]string, error) {
	got, err := f.store.Verify(f.ctx, f.key, f.witness)
	return got.Problems, err
}

// expect alters something, wants it found and named, and puts it back.
func (f *forger) expect(table, what, name string, r forgedRow, alter, back func()) {
	f.Helper()
	alter()
	problems, err := f.verify()
	back()
	found := err != nil || slices.ContainsFunc(problems, r.named)
	reason := unproved[table+"."+what]
	switch {
	case !found && reason == "":
		f.Errorf("%s.%s: the self-check tells %q, and names nothing of %v", table, name, problems, r.names())
	case found && reason != "" && err == nil:
		f.Errorf("%s.%s is found (%q): it is no exception", table, name, problems)
	}
}

// tables lists the tables of the schema.
func (f *forger) tables() []string {
	f.Helper()
	query := `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1`
	if f.config.Database == "" {
		query = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1`
	}
	return f.texts(query)
}

func (f *forger) texts(query string, args ...any) []string {
	f.Helper()
	rows, err := f.conn.QueryContext(f.ctx, query, args...)
	if err != nil {
		f.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			f.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		f.Fatal(err)
	}
	return out
}

// forgedRow is a row with its columns.
type forgedRow struct {
	table    string
	columns  []string
	nullable []bool
	key      []int // which of them are the primary key
	values   []any
}

// row reads one row of a table.
func (f *forger) row(table string) forgedRow {
	f.Helper()
	r := forgedRow{table: table}
	query := `SELECT c.column_name, c.is_nullable = 'YES', EXISTS (
			SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
			WHERE i.indisprimary AND i.indrelid = CAST($2 AS regclass) AND a.attname = c.column_name)
		FROM information_schema.columns c WHERE c.table_schema = current_schema() AND c.table_name = $1 ORDER BY c.ordinal_position`
	args := []any{table, table}
	if f.config.Database == "" {
		args = args[:1]
		query = `SELECT name, "notnull" = 0 AND pk = 0, pk > 0 FROM pragma_table_info($1) ORDER BY cid`
	}
	rows, err := f.conn.QueryContext(f.ctx, query, args...)
	if err != nil {
		f.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var nullable, key bool
		if err := rows.Scan(&name, &nullable, &key); err != nil {
			f.Fatal(err)
		}
		if key {
			r.key = append(r.key, len(r.columns))
		}
		r.columns, r.nullable = append(r.columns, name), append(r.nullable, nullable)
	}
	if err := rows.Err(); err != nil || len(r.key) == 0 {
		f.Fatalf("columns of %s: %v of %d, %v", table, r.key, len(r.columns), err)
	}
	f.read(&r)
	return r
}

// read reads the values of the row that is to be altered.
func (f *forger) read(r *forgedRow) {
	f.Helper()
	which := ""
	if p := picked[r.table]; p != "" {
		which = " WHERE " + p
	}
	order := make([]string, len(r.key))
	for i, k := range r.key {
		order[i] = r.columns[k]
	}
	r.values = make([]any, len(r.columns))
	into := make([]any, len(r.columns))
	for i := range into {
		into[i] = &r.values[i]
	}
	query := `SELECT ` + strings.Join(r.columns, ", ") + ` FROM ` + r.table + which + ` ORDER BY ` + strings.Join(order, ", ") + ` LIMIT 1`
	if err := f.conn.QueryRowContext(f.ctx, query).Scan(into...); err != nil && outside[r.table] == "" {
		f.Fatalf("table %s: %v: the test does not fill it", r.table, err)
	}
}

// named tells whether a problem names the row: one of the values of its key.
func (r forgedRow) named(problem string) bool {
	return slices.ContainsFunc(r.names(), func(n string) bool { return n != "" && strings.Contains(problem, n) })
}

func (r forgedRow) names() []string {
	if r.table == "log_state" {
		return []string{"log: "}
	}
	out := make([]string, len(r.key))
	for i, k := range r.key {
		out[i] = fmt.Sprint(r.values[k])
	}
	return out
}

// with is the row with other values.
func (r forgedRow) with(values []any) forgedRow {
	r.values = values
	return r
}

// where is the condition that selects a row by a key, with placeholders from n on.
func (r forgedRow) where(values []any, n int) (string, []any) {
	var parts []string
	var args []any
	for _, k := range r.key {
		parts, args = append(parts, fmt.Sprintf("%s = $%d", r.columns[k], n+len(args))), append(args, values[k])
	}
	return " WHERE " + strings.Join(parts, " AND "), args
}

func (f *forger) exec(query string, args ...any) {
	f.Helper()
	done, err := f.conn.ExecContext(f.ctx, query, args...)
	if err != nil {
		f.Fatalf("%s: %v", query, err)
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		f.Fatalf("%s: changes %d rows, %v", query, n, err)
	}
}

func (f *forger) update(r forgedRow, i int, forged any) {
	f.Helper()
	where, args := r.where(r.values, 2)
	f.exec(`UPDATE `+r.table+` SET `+r.columns[i]+` = $1`+where, append([]any{forged}, args...)...)
}

func (f *forger) restore(r forgedRow, i int, forged any) {
	f.Helper()
	now := slices.Clone(r.values)
	now[i] = forged
	where, args := r.where(now, 2)
	f.exec(`UPDATE `+r.table+` SET `+r.columns[i]+` = $1`+where, append([]any{r.values[i]}, args...)...)
}

func (f *forger) delete(r forgedRow, values []any) {
	f.Helper()
	where, args := r.where(values, 1)
	f.exec(`DELETE FROM `+r.table+where, args...)
}

func (f *forger) insert(r forgedRow, values []any) {
	f.Helper()
	places := make([]string, len(values))
	for i := range values {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	f.exec(`INSERT INTO `+r.table+` (`+strings.Join(r.columns, ", ")+`) VALUES (`+strings.Join(places, ", ")+`)`, values...)
}

// copied is a row like another under another key, and with other values where the table
// wants each once.
func (f *forger) copied(r forgedRow) []any {
	out := slices.Clone(r.values)
	for i, column := range r.columns {
		once := map[string]bool{"programs.name": true, "sources.name": true, "users.email": true, "runs.digest": true, "occurrences.event": true, "teams.name": true}
		if i == r.key[len(r.key)-1] || once[r.table+"."+column] {
			for name, forged := range forgeries(r.values[i], false, true) {
				if name == "altered" {
					out[i] = forged
				}
			}
		}
	}
	return out
}

// forgeries are what somebody might put in the place of a value.
func forgeries(value any, nullable, key bool) map[string]any {
	out := map[string]any{}
	switch v := value.(type) {
	case string:
		out["altered"] = v + "x"
		if v != "" {
			out["emptied"] = ""
		}
	case []byte:
		forged := bytes.Clone(v)
		if len(forged) == 0 {
			forged = []byte("x")
		} else {
			forged[0] ^= 1
		}
		out["altered"] = forged
	case int64:
		out["altered"] = v + 1
		if key { // the next one is likely to be there
			out["altered"] = v + 1_000_003
		} else if v != 0 {
			out["emptied"] = int64(0)
		}
	case bool:
		out["altered"] = !v
	case nil:
		out["altered"] = []byte("x")
	}
	if nullable && value != nil {
		out["destroyed"] = nil
	}
	return out
}

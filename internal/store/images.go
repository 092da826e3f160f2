// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// The kinds of what mentions images.
const (
	mentionedByChange     = "change"
	mentionedByDeployment = "deployment"
)

// mentionImages notes which images a change or a deployment names. What it names does not
// change once it is known.
func (t *Tx) mentionImages(kind, subject string, images []string) error {
	var rows [][]any
	for name := range mentioned(images) {
		rows = append(rows, []any{name, kind, subject})
	}
	return t.insert(`INSERT INTO image_mentions (image, subject_kind, subject)`, `ON CONFLICT (image, subject_kind, subject) DO NOTHING`, rows)
}

// maxImage bounds the name of an image that is looked for. Nothing keeps who writes an object
// from a longer one, and no database takes it into an index.
const maxImage = 1000

// mentioned are the names under which images are found: as they are written, and their
// digests alone, for a registry may be called by several names.
func mentioned(images []string) map[string]bool {
	out := make(map[string]bool, 2*len(images))
	for _, image := range images {
		if len(image) > maxImage || strings.Contains(image, "\x00") {
			continue // the record has it
		}
		out[image] = true
		if _, digest, ok := strings.Cut(image, "@"); ok {
			out[digest] = true
		}
	}
	return out
}

// image narrows a list to what mentions an image: the one that is written so, or any
// with the same digest where a digest is given.
func (w *where) image(kind, image string) {
	if _, digest, ok := strings.Cut(image, "@"); ok {
		image = digest
	}
	w.add("id IN (SELECT subject FROM image_mentions WHERE image = ? AND subject_kind = ?)", image, kind)
}

// DeploymentFilter narrows a list of deployments; empty fields do not.
type DeploymentFilter struct {
	Source string
	Image  string // as it is written, or with its digest, or the digest alone
	Commit string // or its beginning
	Ticket string
	Pull   string // URL of the pull request
	// Text is any of the four.
	Text    string
	Program *seaworthy.Program
	Cursor  string
	Limit   int
}

func (f *DeploymentFilter) where() where {
	w := where{}
	w.equal("source_id", f.Source)
	w.equal("ticket", strings.ToLower(f.Ticket))
	w.equal("pull_url", f.Pull)
	if f.Image != "" {
		w.image(mentionedByDeployment, f.Image)
	}
	if f.Commit != "" { // no digit of a commit comes after f
		w.add("commit_id >= ?", strings.ToLower(f.Commit))
		w.add("commit_id < ?", strings.ToLower(f.Commit)+"g")
	}
	if f.Text != "" {
		image := f.Text
		if _, digest, ok := strings.Cut(image, "@"); ok {
			image = digest
		}
		text := strings.ToLower(f.Text)
		w.add(`id IN (SELECT id FROM deployments WHERE ticket = ? UNION SELECT id FROM deployments WHERE pull_url = ?
			UNION SELECT id FROM deployments WHERE commit_id >= ? AND commit_id < ? UNION SELECT subject FROM image_mentions WHERE image = ? AND subject_kind = ?)`,
			text, f.Text, text, text+"g", image, mentionedByDeployment)
	}
	w.program(f.Program, "source_id", "")
	return w
}

// Deployments lists deployments, newest first.
func (s *Store) Deployments(ctx context.Context, f DeploymentFilter) (Page[seaworthy.Deployment], error) {
	return deployments.page(ctx, s, f.where(), timeOrder{column: "from_at"}, f.Cursor, f.Limit, func(d *seaworthy.Deployment) (time.Time, string) { return d.From, d.ID })
}

// ChangesBeside gives the writes of a change's object just before and after it; nil where
// there is none. Sessions and reads are no writes.
func (s *Store) ChangesBeside(ctx context.Context, c *seaworthy.Change) (before, after *seaworthy.Change, err error) {
	one := func(condition, order string) (*seaworthy.Change, error) {
		w := where{}
		w.add("source_id = ?", c.SourceID)
		w.add("kind = ?", c.Object.Kind)
		w.add("namespace = ?", c.Object.Namespace)
		w.add("name = ?", c.Object.Name)
		w.among("verb", []string{seaworthy.VerbCreate, seaworthy.VerbUpdate, seaworthy.VerbDelete})
		w.add(condition, micros(c.At), c.ID)
		list, err := changes.list(ctx, s, s.read, w, order+" LIMIT "+w.arg(20))
		for i := range list {
			if o := list[i].Outcome; o != seaworthy.OutcomeDenied && o != seaworthy.OutcomeFailed && list[i].Object.Group() == c.Object.Group() {
				return &list[i], nil
			}
		}
		return nil, err
	}
	if before, err = one("(at, id) < (?, ?)", "ORDER BY at DESC, id DESC"); err != nil {
		return nil, nil, err
	}
	after, err = one("(at, id) > (?, ?)", "ORDER BY at, id")
	return before, after, err
}

// imageMentions are what changes and deployments say of images.
type imageMentions struct{}

func (imageMentions) tableName() string { return "image_mentions" }

func (imageMentions) verify(v *verification) error {
	for _, of := range [...][2]string{{mentionedByChange, "changes"}, {mentionedByDeployment, "deployments"}} {
		if err := v.mentions(of[0], of[1]); err != nil {
			return err
		}
	}
	return v.strings(func(s string) { v.tell("an image is said to be mentioned by %s, which is not there", s) },
		`SELECT DISTINCT subject_kind || ' ' || subject FROM image_mentions m
		WHERE NOT (subject_kind = $1 AND EXISTS (SELECT 1 FROM changes c WHERE c.id = m.subject))
		AND NOT (subject_kind = $2 AND EXISTS (SELECT 1 FROM deployments d WHERE d.id = m.subject))`, mentionedByChange, mentionedByDeployment)
}

// mentions compares what records of one kind say of images with what is noted.
func (v *verification) mentions(kind, table string) error {
	rows, err := v.q.QueryContext(v.ctx, `SELECT r.id, r.document, m.image FROM `+table+` r
		LEFT JOIN image_mentions m ON m.subject = r.id AND m.subject_kind = $1 ORDER BY r.id`, kind)
	if err != nil {
		return err
	}
	defer rows.Close()
	var last string
	var want map[string]bool
	end := func() {
		for image := range want {
			v.tell("%s %s: that it names image %s is missing", kind, last, image)
		}
	}
	for rows.Next() {
		var id, document string
		var image sql.NullString
		if err := rows.Scan(&id, &document, &image); err != nil {
			return err
		}
		if id != last {
			end()
			var named struct {
				Images []string `json:"images"`
			}
			_ = json.Unmarshal([]byte(document), &named) // what cannot be read is told with the record itself
			last, want = id, mentioned(named.Images)
		}
		if image.Valid && !want[image.String] {
			v.tell("%s %s: that it names image %s was added", kind, id, image.String)
		}
		delete(want, image.String)
	}
	end()
	return errors.Join(rows.Err(), rows.Close())
}

// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Upload is something that comes in pieces. Its bytes rest in the database, so that each
// piece may go to another server. Nothing of it is in the log before it is whole.
type Upload struct {
	ID       string
	Actor    string
	Source   string
	Encoding string
	Size     int64 // how much has arrived
	Expires  time.Time
}

// UploadPiece bounds the bytes that are written at a time.
const UploadPiece = 1 << 20

// UploadTotals counts the uploads on their way: those of an actor, all, and their bytes.
func (t *Tx) UploadTotals(actor string) (own, all int, bytes int64, err error) {
	err = t.tx.QueryRowContext(t.ctx, `SELECT COALESCE(SUM(CASE WHEN actor = $1 THEN 1 ELSE 0 END), 0), COUNT(*), COALESCE(SUM(size), 0) FROM uploads`,
		actor).Scan(&own, &all, &bytes)
	return own, all, bytes, err
}

// PutUpload begins an upload.
func (t *Tx) PutUpload(u Upload) error {
	return t.exec(`INSERT INTO uploads (id, actor, source, encoding, size, expires_at) VALUES ($1, $2, $3, $4, 0, $5)`,
		u.ID, u.Actor, u.Source, u.Encoding, micros(u.Expires))
}

// AppendUpload adds a piece, which begins where the upload ends: of two servers that are
// given the same piece, one takes it.
func (t *Tx) AppendUpload(id string, at int64, piece []byte) error {
	done, err := t.tx.ExecContext(t.ctx, `UPDATE uploads SET size = size + $1 WHERE id = $2 AND size = $3`, len(piece), id, at)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(seaworthy.Conflict("the upload does not end at %d any more", at), err)
	}
	return t.exec(`INSERT INTO upload_pieces (upload_id, at, data) VALUES ($1, $2, $3)`, id, at, piece)
}

// DropUpload removes an upload and its bytes.
func (t *Tx) DropUpload(id string) error {
	return errors.Join(t.exec(`DELETE FROM upload_pieces WHERE upload_id = $1`, id), t.exec(`DELETE FROM uploads WHERE id = $1`, id))
}

// SweepUploads removes uploads whose time is over.
func (t *Tx) SweepUploads() error {
	return errors.Join(
		t.exec(`DELETE FROM upload_pieces WHERE upload_id IN (SELECT id FROM uploads WHERE expires_at <= $1)`, micros(t.At)),
		t.exec(`DELETE FROM uploads WHERE expires_at <= $1`, micros(t.At)))
}

// Upload gives an upload whose time is not over.
func (s *Store) Upload(ctx context.Context, id string) (Upload, error) {
	u := Upload{ID: id}
	var expires int64
	err := s.read.QueryRowContext(ctx, `SELECT actor, source, encoding, size, expires_at FROM uploads WHERE id = $1 AND expires_at > $2`, id, micros(s.Now())).
		Scan(&u.Actor, &u.Source, &u.Encoding, &u.Size, &expires)
	u.Expires = moment(expires)
	if err == sql.ErrNoRows {
		return u, seaworthy.NotFound("there is no upload %s; begin another", id)
	}
	return u, s.dialect.explain(err)
}

// ReadUpload reads the bytes of an upload, as many as it had when it was looked at.
func (s *Store) ReadUpload(ctx context.Context, u Upload) io.Reader {
	return &uploadReader{store: s, ctx: ctx, upload: u}
}

// uploadReader holds one piece at a time, and no transaction.
type uploadReader struct {
	store  *Store
	ctx    context.Context
	upload Upload
	at     int64 // where the next piece begins
	piece  []byte
}

// Read is io.Reader.
func (r *uploadReader) Read(p []byte) (int, error) {
	if len(r.piece) == 0 {
		if r.at >= r.upload.Size {
			return 0, io.EOF
		}
		err := r.store.read.QueryRowContext(r.ctx, `SELECT data FROM upload_pieces WHERE upload_id = $1 AND at = $2`, r.upload.ID, r.at).Scan(&r.piece)
		if err == sql.ErrNoRows || err == nil && len(r.piece) == 0 {
			return 0, seaworthy.NotFound("the upload %s was completed or given up meanwhile", r.upload.ID)
		} else if err != nil {
			return 0, fmt.Errorf("read an upload: %w", r.store.dialect.explain(err))
		}
		r.piece = r.piece[:min(int64(len(r.piece)), r.upload.Size-r.at)]
		r.at += int64(len(r.piece))
	}
	n := copy(p, r.piece)
	r.piece = r.piece[n:]
	return n, nil
}

// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// Checkpoint is a signed head of the log, with what others said of it.
type Checkpoint struct {
	Size int64     `json:"size"`
	At   time.Time `json:"at"`
	Root tlog.Hash `json:"root"`
	// Note is the signed note, without cosignatures.
	Note string `json:"note"`
	// Cosignatures are lines of witnesses, to be added to the note.
	Cosignatures []Cosignature `json:"cosignatures"`
	// Timestamp is the RFC 3161 response over the note's SHA-256, if there is one.
	Timestamp []byte `json:"timestamp,omitempty"`
}

// Cosignature is what one witness said of a checkpoint.
type Cosignature struct {
	Witness string    `json:"witness"`
	At      time.Time `json:"at"` // by the witness's clock
	Line    string    `json:"line"`
}

// Signed is the note with the lines of all witnesses: c2sp.org/tlog-checkpoint.
func (c Checkpoint) Signed() string {
	s := c.Note
	for _, w := range c.Cosignatures {
		s += w.Line
	}
	return s
}

// Checkpoint signs the present head of the log, if there is no checkpoint of it yet, and
// gives the newest. What is signed was committed before: a checkpoint never speaks of
// records that a failure could still lose.
func (s *Store) Checkpoint(ctx context.Context, signer note.Signer) (Checkpoint, error) {
	size, root, err := s.LogHead(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	last, err := s.LastCheckpoint(ctx)
	var told *seaworthy.Error
	if err == nil && last.Size == size {
		if last.Root != root {
			return Checkpoint{}, fmt.Errorf("the log's head of size %d is not the one that was signed; it was altered", size)
		}
		return last, nil
	} else if err != nil && !(errors.As(err, &told) && told.Kind == seaworthy.KindNotFound) {
		return Checkpoint{}, err
	}
	if size < last.Size {
		return Checkpoint{}, fmt.Errorf("the log holds %d entries, %d were signed; it was cut off", size, last.Size)
	}
	if err := s.grewFrom(ctx, last, size, root); err != nil {
		return Checkpoint{}, err
	}
	signed, err := tlog.Checkpoint{Origin: signer.Name(), Size: size, Root: root}.Sign(signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("sign a checkpoint: %w", err)
	}
	_, err = s.write.ExecContext(ctx, `INSERT INTO checkpoints (size, at, root, note) VALUES ($1, $2, $3, $4) ON CONFLICT (size) DO NOTHING`,
		size, micros(s.Now()), root[:], string(signed))
	if err != nil {
		return Checkpoint{}, s.dialect.explain(err)
	}
	return s.LastCheckpoint(ctx)
}

// grewFrom refuses to sign a head that the last one is not a prefix of.
func (s *Store) grewFrom(ctx context.Context, last Checkpoint, size int64, root tlog.Hash) error {
	if last.Size == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(size, last.Size, s.Tiles(ctx))
	if err == nil {
		err = tlog.CheckTree(proof, size, root, last.Size, last.Root)
	}
	if err != nil {
		return fmt.Errorf("the log of %d entries does not contain the %d that were signed; it was altered: %w", size, last.Size, err)
	}
	return nil
}

const checkpointColumns = `size, at, root, note, timestamp_token`

func scanCheckpoint(row interface{ Scan(...any) error }) (Checkpoint, error) {
	var c Checkpoint
	var at int64
	var root []byte
	err := row.Scan(&c.Size, &at, &root, &c.Note, &c.Timestamp)
	c.At = moment(at)
	copy(c.Root[:], root)
	return c, err
}

// LastCheckpoint gives the newest checkpoint, or a not-found error.
func (s *Store) LastCheckpoint(ctx context.Context) (Checkpoint, error) {
	return s.checkpoint(ctx, `SELECT `+checkpointColumns+` FROM checkpoints ORDER BY size DESC LIMIT 1`)
}

// CheckpointOf gives the checkpoint of a size.
func (s *Store) CheckpointOf(ctx context.Context, size int64) (Checkpoint, error) {
	return s.checkpoint(ctx, `SELECT `+checkpointColumns+` FROM checkpoints WHERE size = $1`, size)
}

// CheckpointFrom gives the oldest checkpoint that holds the entry of an index.
func (s *Store) CheckpointFrom(ctx context.Context, index int64) (Checkpoint, error) {
	return s.checkpoint(ctx, `SELECT `+checkpointColumns+` FROM checkpoints WHERE size > $1 ORDER BY size LIMIT 1`, index)
}

func (s *Store) checkpoint(ctx context.Context, query string, args ...any) (Checkpoint, error) {
	c, err := scanCheckpoint(s.read.QueryRowContext(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return Checkpoint{}, seaworthy.NotFound("there is no such checkpoint of the log yet")
	} else if err != nil {
		return Checkpoint{}, s.dialect.explain(err)
	}
	c.Cosignatures, err = s.cosignatures(ctx, c.Size)
	return c, err
}

// Checkpoints lists checkpoints, newest first, without cosignatures.
func (s *Store) Checkpoints(ctx context.Context, n int) ([]Checkpoint, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+checkpointColumns+` FROM checkpoints ORDER BY size DESC LIMIT $1`, limit(n))
	return collect(s, rows, err, scanCheckpoint)
}

func (s *Store) cosignatures(ctx context.Context, size int64) ([]Cosignature, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT witness, at, line FROM cosignatures WHERE size = $1 ORDER BY witness`, size)
	return collect(s, rows, err, func(row interface{ Scan(...any) error }) (Cosignature, error) {
		var c Cosignature
		var at int64
		err := row.Scan(&c.Witness, &at, &c.Line)
		c.At = moment(at)
		return c, err
	})
}

// AddCosignature keeps what a witness said of the checkpoint of a size. The caller has
// verified the line.
func (s *Store) AddCosignature(ctx context.Context, size int64, c Cosignature) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO cosignatures (size, witness, at, line) VALUES ($1, $2, $3, $4)
		ON CONFLICT (size, witness) DO NOTHING`, size, c.Witness, micros(c.At), c.Line)
	return s.dialect.explain(err)
}

// LastCosigned gives the newest size that each witness cosigned, and when.
func (s *Store) LastCosigned(ctx context.Context) (map[string]Cosigned, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT witness, MAX(size), MAX(at) FROM cosignatures GROUP BY witness`)
	if err != nil {
		return nil, s.dialect.explain(err)
	}
	defer rows.Close()
	out := map[string]Cosigned{}
	for rows.Next() {
		var name string
		var c Cosigned
		var at int64
		if err := rows.Scan(&name, &c.Size, &at); err != nil {
			return nil, err
		}
		c.At = moment(at)
		out[name] = c
	}
	return out, s.dialect.explain(rows.Err())
}

// Cosigned is how far a witness followed the log.
type Cosigned struct {
	Size int64
	At   time.Time
}

// SetTimestamp keeps the RFC 3161 response over a checkpoint.
func (s *Store) SetTimestamp(ctx context.Context, size int64, token []byte) error {
	_, err := s.write.ExecContext(ctx, `UPDATE checkpoints SET timestamp_token = $2 WHERE size = $1 AND timestamp_token IS NULL`, size, token)
	return s.dialect.explain(err)
}

// LastStamped gives the newest checkpoint with a timestamp, or a not-found error.
func (s *Store) LastStamped(ctx context.Context) (Checkpoint, error) {
	return s.checkpoint(ctx, `SELECT `+checkpointColumns+` FROM checkpoints WHERE timestamp_token IS NOT NULL ORDER BY size DESC LIMIT 1`)
}

// Stamped lists checkpoints with a timestamp, oldest first, from those on that hold more
// entries than after. They come without cosignatures.
func (s *Store) Stamped(ctx context.Context, after int64, n int) ([]Checkpoint, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+checkpointColumns+` FROM checkpoints
		WHERE timestamp_token IS NOT NULL AND size > $1 ORDER BY size LIMIT $2`, after, limit(n))
	return collect(s, rows, err, scanCheckpoint)
}

// StampedDaily lists of each day, in UTC, the first checkpoint with a timestamp, of those
// that hold fewer entries than before; oldest first and without cosignatures.
func (s *Store) StampedDaily(ctx context.Context, before int64) ([]Checkpoint, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+checkpointColumns+` FROM checkpoints WHERE size IN (
		SELECT MIN(size) FROM checkpoints WHERE timestamp_token IS NOT NULL AND size < $1 GROUP BY at / 86400000000) ORDER BY size`, before)
	return collect(s, rows, err, scanCheckpoint)
}

// EntryBundle gives the leaves of the entries in a tile, as far as the log of the given
// size fills it.
func (s *Store) EntryBundle(ctx context.Context, n, size int64) ([][]byte, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT leaf FROM log_entries WHERE idx >= $1 AND idx < $2 ORDER BY idx`, n*256, min((n+1)*256, size))
	return collect(s, rows, err, func(row interface{ Scan(...any) error }) ([]byte, error) {
		var leaf []byte
		err := row.Scan(&leaf)
		return leaf, err
	})
}

// Setting gives a value that the server keeps about itself, or "".
func (s *Store) Setting(ctx context.Context, key string) (string, error) {
	var v string
	err := s.read.QueryRowContext(ctx, `SELECT value FROM settings WHERE key = $1`, key).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, s.dialect.explain(err)
}

// SetSetting writes a setting and logs it. Settings hold no secrets.
func (t *Tx) SetSetting(key, value string) error {
	if err := t.queue("setting " + key); err != nil {
		return err
	}
	err := t.exec(`INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	if err != nil {
		return fmt.Errorf("set %s: %w", key, err)
	}
	return t.Log("setting", key, value)
}

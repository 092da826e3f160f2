// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
)

// Backup writes a copy of the database, as it is at one moment, to a file that does not
// exist yet. Others go on reading and writing meanwhile. PostgreSQL has its own tools for
// this: its database is refused.
func (s *Store) Backup(ctx context.Context, file string) error {
	if s.read == s.write {
		return seaworthy.Invalid("a PostgreSQL database is copied with pg_dump")
	}
	if _, err := s.write.ExecContext(ctx, `VACUUM INTO $1`, file); err != nil {
		return s.dialect.explain(err)
	}
	return nil
}

// DatabaseFile is the name of a SQLite database in its data folder.
const DatabaseFile = databaseFile

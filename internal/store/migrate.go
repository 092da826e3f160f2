// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/seaworthy-dev/seaworthy"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrations runs the migrations that there are.
func (s *Store) migrations() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{goose.WithSlog(slog.New(slog.DiscardHandler)), goose.WithGoMigrations(imagesNamed())}
	if s.dialect.goose == goose.DialectPostgres { // several servers may start at once
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(s.dialect.goose, s.write, files, options...)
}

// migrate brings the schema to this program's version, forward only.
func (s *Store) migrate(ctx context.Context) error {
	provider, err := s.migrations()
	if err != nil {
		return err
	}
	have, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	sources := provider.ListSources()
	if newest := sources[len(sources)-1].Version; have > newest {
		return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: fmt.Sprintf(
			"the database (%s) was written by a newer Seaworthy (schema %d, this program knows %d); use that version or restore a backup from before the upgrade",
			s.dialect.where, have, newest)}
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

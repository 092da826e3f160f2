// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"io/fs"
)

// Migrations are the files of the migrations, in order.
func Migrations() ([]string, error) { return fs.Glob(migrations, "migrations/*.sql") }

// MigrateTo makes a database of a version, or brings one to it, and closes it. It gives the
// versions that there are.
func MigrateTo(ctx context.Context, c Config, version int64) (all []int64, err error) {
	d := sqlite(c.Dir)
	if c.Database != "" {
		if d, err = postgres(c.Database); err != nil {
			return nil, err
		}
	}
	s := &Store{dialect: d}
	if s.write, s.read, err = d.open(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	provider, err := s.migrations()
	if err != nil {
		return nil, err
	}
	for _, source := range provider.ListSources() {
		all = append(all, source.Version)
	}
	_, err = provider.UpTo(ctx, version)
	return all, err
}

// Exec does what somebody with the database's password can do behind the store's back.
func Exec(ctx context.Context, s *Store, query string) error {
	_, err := s.write.ExecContext(ctx, query)
	return err
}

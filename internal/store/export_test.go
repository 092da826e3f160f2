// SPDX-License-Identifier: Apache-2.0

package store

import "context"

// Exec does what somebody with the database's password can do behind the store's back.
func Exec(ctx context.Context, s *Store, query string) error {
	_, err := s.write.ExecContext(ctx, query)
	return err
}

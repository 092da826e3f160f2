// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// allUsers lists every account by address.
func (u *UI) allUsers(ctx context.Context) ([]seaworthy.User, error) {
	var out []seaworthy.User
	after := ""
	for {
		list, err := u.Store.Users(ctx, store.UserFilter{After: after, Limit: 1000})
		if err != nil || len(list) == 0 {
			return out, err
		}
		out = append(out, list...)
		if len(list) < 1000 {
			return out, nil
		}
		after = list[len(list)-1].Email
	}
}

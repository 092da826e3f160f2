// SPDX-License-Identifier: Apache-2.0

package store

import "context"

// ExampleSetting is the setting that says, in words, that everything here is made up.
const ExampleSetting = "demo"

// Example gives the words that say that everything here is made up; empty where it is not.
// Whatever leaves the server says them.
func (s *Store) Example(ctx context.Context) (string, error) { return s.Setting(ctx, ExampleSetting) }

// SPDX-License-Identifier: Apache-2.0

// Package demo fills a fresh server with half a year of the example company, Harbour
// Lane, so that every screen has something to show.
//
// Nothing is written past the server's own verbs: manifests are really scanned as they
// looked at each time, reports are taken, people are invited, waivers are asked for and
// approved, controls are performed. Only the clock is made up, and all that the company
// is; both are said everywhere.
package demo

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// Setting is the setting of the store that says that all in it is example data.
const Setting = store.ExampleSetting

// Notice is its value, for every page to show.
const Notice = "Example data: Harbour Lane, its people and its half year are made up."

// Filled is the setting that says that the example is whole, and when it was made.
const Filled = "demo-filled"

// days is how long the half year is that ends at the end of the program's period, as far
// as it has passed.
const days = 180

// begin is when the half year starts that ends at now.
func begin(now time.Time) time.Time {
	return now.UTC().Truncate(day).Add(-days * day)
}

// Config is what is filled. All but TempDir and Tell is needed.
type Config struct {
	Store     *store.Store
	Vault     *vault.Vault
	Auth      *auth.Auth
	Catalogue audit.Catalogue
	// Signer signs checkpoints of the log; Verifier checks them.
	Signer   note.Signer
	Verifier note.Verifier
	// Version is that of the tool that scans.
	Version string
	TempDir string
	// Now is when the half year ends.
	Now time.Time
	// Tell is told how far it is, from 0 to 1.
	Tell func(done float64)
}

// Fill fills an empty store. The clock is the one that the store was opened with; it goes
// as every clock does when Fill returns.
func Fill(ctx context.Context, c Config, clock *Clock) error {
	s, err := newStory(c, clock)
	if err != nil {
		return err
	}
	if err := s.run(ctx); err != nil {
		return fmt.Errorf("fill the example: %w", err)
	}
	return nil
}

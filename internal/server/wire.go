// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/schema"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
	"github.com/seaworthy-dev/seaworthy/internal/ui"
)

// parts are the verbs that doors and jobs share.
type parts struct {
	audit  *audit.Audit
	triage *triage.Triage
	ingest ingest.Config
	outbox *outbox.Outbox
	api    *api.API
	pages  *ui.UI
}

// wire puts the doors onto what was opened.
func (s *Server) wire(ctx context.Context) error {
	c := s.config
	s.parts.audit = audit.New(s.store, audit.Catalogue{Controls: c.Controls, Frameworks: c.Frameworks, Checks: c.Checks}, s.vault)
	if err := s.parts.audit.Seed(ctx); err != nil {
		return err
	}
	witnesses, err := verifiers(c.Witnesses)
	if err != nil {
		return err
	}
	taking := filepath.Join(c.Data, "taking") // reports, while they are compared with what stands
	if err := os.MkdirAll(taking, 0o700); err != nil {
		return unwritable(c.Data, err)
	}
	s.parts.triage = triage.New(triage.Config{Store: s.store})
	s.parts.ingest = ingest.Config{
		Store: s.store, Vault: s.vault, TempDir: taking,
		SLA: triage.SLA, Owners: triage.Owners, Waivers: triage.Waivers, Requested: triage.Requested,
	}
	key, err := s.auth.Derive("trail")
	if err != nil {
		return err
	}
	s.parts.outbox = s.openOutbox()
	s.parts.api, err = api.New(api.Config{
		Store: s.store, Vault: s.vault, Auth: s.auth, Audit: s.parts.audit, Triage: s.parts.triage, Ingest: s.parts.ingest,
		Trail: trail.Config{Store: s.store, Key: key, Kinds: schema.KindOf, Own: trail.Ours}, Log: s.log, Checks: c.Checks, Notices: s.parts.outbox,
		LogKey: s.public, Signer: s.signer, Stamp: s.sealer().Stamp, Witnesses: witnesses, PrivateLog: c.PrivateLog, Version: c.Version,
	})
	if err != nil {
		return err
	}
	if s.parts.pages, err = s.pages(); err != nil {
		return err
	}
	s.handler = s.doors(s.parts.pages, s.parts.api)
	return nil
}

func verifiers(keys []string) ([]note.Verifier, error) {
	out := make([]note.Verifier, 0, len(keys))
	for _, k := range keys {
		v, err := tlog.ParseKey(k)
		if err != nil {
			return nil, seaworthy.Invalid("the key of a witness cannot be read: %v", err)
		}
		out = append(out, v)
	}
	return out, nil
}

// SPDX-License-Identifier: Apache-2.0

package server

import (
	"github.com/seaworthy-dev/seaworthy/internal/ui"
)

// pages gives the web UI.
func (s *Server) pages() (*ui.UI, error) {
	witnesses, err := verifiers(s.config.Witnesses)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(witnesses))
	for i, w := range witnesses {
		names[i] = w.Name()
	}
	return ui.New(ui.Config{
		Store: s.store, Auth: s.auth, Audit: s.parts.audit, Vault: s.vault, Triage: s.parts.triage, Log: s.log,
		Checks: s.config.Checks, Example: s.config.Example, SignOn: s.signOn, SignOnOnly: s.config.SignOnOnly,
		Timestamps: s.config.Timestamps.URL, Sealer: s.sealer(), LogKey: s.public,
		Witnesses: names, Notices: s.parts.outbox,
	})
}

// SPDX-License-Identifier: Apache-2.0

package server

import (
	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/ui"
)

// Routes lists what pages and API say that they serve.
func (s *Server) Routes() ([]ui.Route, []api.Route) {
	return s.parts.pages.Routes(), s.parts.api.Routes()
}

// Signer signs the log.
func (s *Server) Signer() note.Signer { return s.signer }

// SPDX-License-Identifier: Apache-2.0

package server

import "net/http"

// pages gives the web UI.
func (s *Server) pages() (http.Handler, error) {
	return http.NotFoundHandler(), nil
}

// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
)

// Text that no database keeps is refused at the door, in addresses and in forms.
func TestTextThatIsNone(t *testing.T) {
	eachFilled(t, func(w *world) {
		for _, text := range []string{"a\x00b", "\xff\xfe", "\xc0\xaf"} {
			q := url.QueryEscape(text)
			for _, path := range []string{"/findings?text=" + q, "/findings?" + q + "=1", "/search?q=" + q, "/log?subject=" + q, "/findings/" + url.PathEscape(text), "/?program=" + q} {
				if a := w.do(seaworthy.Owner, http.MethodGet, path, nil); a.Code != http.StatusBadRequest {
					w.T.Errorf("GET %s: status %d, want 400", path, a.Code)
				}
			}
			if a := w.form(seaworthy.Owner, "/findings/"+w.ids["finding"][0]+"/comment", url.Values{"text": {text}}); a.Code != http.StatusBadRequest || !strings.Contains(a.Body.String(), "no UTF-8") {
				w.T.Errorf("a comment with %q: status %d, want 400", text, a.Code)
			}
			if a := w.form("", "/sign-in", url.Values{"email": {text}, "password": {text}}); a.Code != http.StatusBadRequest {
				w.T.Errorf("signing in as %q: status %d, want 400", text, a.Code)
			}
		}
	})
}

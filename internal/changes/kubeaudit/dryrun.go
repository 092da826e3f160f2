// SPDX-License-Identifier: Apache-2.0

package kubeaudit

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// options are what a deletion was asked for with, as far as it matters.
type options struct {
	given bool // there was something in the body of the request
	dry   bool
}

// UnmarshalJSON reads them out of the object of any request, which may be a list of patches.
func (o *options) UnmarshalJSON(b []byte) error {
	if o.given = !bytes.Equal(b, []byte("null")); !bytes.Contains(b, []byte(`"dryRun"`)) {
		return nil
	}
	var said struct {
		DryRun []string `json:"dryRun"`
	}
	o.dry = json.Unmarshal(b, &said) == nil && slices.Contains(said.DryRun, dryAll)
	return nil
}

// dryAll is the one value that the API server takes for a dry run.
const dryAll = "All"

// dry tells whether a write was to change nothing. The address of a read or of a session may
// say so too, where it means nothing: it keeps nobody from being seen. A deletion goes by the
// body of the request, and by the address only where that is known to be empty.
func (e *event) dry(verb string) bool {
	switch verb {
	case seaworthy.VerbCreate, seaworthy.VerbUpdate, seaworthy.VerbDelete:
	default:
		return false
	}
	if o := e.RequestObject; verb == seaworthy.VerbDelete && (o.given || e.Level == "Metadata") {
		return o.dry
	}
	_, query, _ := strings.Cut(e.RequestURI, "?")
	values, _ := url.ParseQuery(query) // what cannot be read of it means nothing to the API server either
	return slices.Contains(values["dryRun"], dryAll)
}

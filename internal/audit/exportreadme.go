// SPDX-License-Identifier: Apache-2.0

package audit

import (
	_ "embed" // the text is a template
	"io"
	"strconv"
	"strings"
	"text/template"

	"github.com/seaworthy-dev/seaworthy"
)

//go:embed exportreadme.txt
var readmeText string

// controlSubject is the subject of a control's entries: each version is a record.
func controlSubject(c seaworthy.TrackedControl) string { return c.ID + "/" + strconv.Itoa(c.Version) }

// readme writes the page that says what the package is and how to verify it.
func (e *export) readme(w io.Writer) error {
	t, err := template.New("README.txt").Parse(readmeText)
	if err != nil {
		return err
	}
	return t.Execute(w, map[string]any{
		"Program": oneLine(e.program.Name), "Type": e.program.Type, "From": stamp(e.program.From), "To": stamp(e.program.To), "AsOf": stamp(e.asOf),
		"Categories": strings.Join(e.program.Categories, ", "), "Origin": oneLine(e.origin), "Partial": e.partial, "Example": oneLine(e.example),
	})
}

// oneLine keeps what people called things from looking like lines of ours.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

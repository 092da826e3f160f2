// SPDX-License-Identifier: Apache-2.0

// Package output writes the report of a scan in the formats that people, editors and
// pipelines read. A format is a [Handler]: it takes the report as it comes about and
// holds back no more than it needs, so that memory does not follow the number of
// findings. Formats whose counts come first keep a few examples of each check, or keep
// findings in a temporary file until the counts are known.
//
// Every format is a pure function of a typed report ([Replay]). Names and messages
// come from manifests that nobody has vetted: no format lets them break its structure,
// and none passes control characters on to a terminal.
//
// [Read] and [Fingerprints] read a JSON report back.
package output

import (
	"errors"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// Handler takes one report as it comes about and writes it: Start once, then any number
// of findings and passes in any order, then End once. A handler is used by one
// goroutine and keeps nothing of its arguments after a call returns. Whoever does not
// reach End calls [Close].
type Handler interface {
	// Start takes what is known beforehand: the header and all checks that will run.
	Start(h *seaworthy.Header, checks []seaworthy.Check) error
	Finding(f *seaworthy.Finding) error
	Pass(p *seaworthy.Pass) error
	End(t *seaworthy.Trailer) error
}

// Options are what a format may be told. The zero value is right for a file.
type Options struct {
	// All shows every finding in text instead of some examples of each check.
	All bool
	// Examples is how many findings text shows of each check; 0 leaves it to the
	// severity.
	Examples int
	// MoreHint tells the reader of text how to see the rest, for example "--all".
	MoreHint string
	// Color allows terminal colours in text.
	Color bool
	// Width of the terminal in columns; 0 is 100.
	Width int
	// Coverage shows the frameworks' requirements in text.
	Coverage bool
	// Baseline says that a baseline was given, so that findings are new or known.
	Baseline bool
	// Root is the folder that absolute file names are made relative to, for formats
	// whose readers resolve names in a repository. Empty leaves names as they are.
	Root string
	// Objects gives what was seen, at the end of the scan, for JSON to list; nil: it is
	// not listed.
	Objects func() []seaworthy.SeenObject
	// EachObject gives the same one by one, where they are too many to be held.
	EachObject iter.Seq[seaworthy.SeenObject]
}

// Format is one way to write a report.
type Format struct {
	Name string // "json"
	Doc  string // one line, for help
	New  func(w io.Writer, o Options) Handler
}

// Formats lists every format. The order is that of the help text.
var Formats = []Format{
	{"text", "for people, in a terminal", newText},
	{"json", "the whole report, versioned " + seaworthy.ReportVersion, newJSON},
	{"sarif", "SARIF 2.1.0, for code scanning", newSARIF},
	{"junit", "JUnit XML, for test reports", newJUnit},
	{"markdown", "a comment for a pull request", newMarkdown},
	{"html", "a page on its own, to read, print and send", newHTML},
	{"github", "workflow commands, shown as annotations on GitHub", newGitHub},
	{"gitlab", "a Code Quality report for GitLab", newGitLab},
	{"openreports", "Reports of openreports.io, for kubectl apply", newOpenReports},
	{"csv", "a table with a row for each finding", newCSV},
}

// Named gives the format of that name.
func Named(name string) (Format, error) {
	i := slices.IndexFunc(Formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, seaworthy.Invalid("output format %q is not one of %s", name, strings.Join(Names(), ", "))
	}
	return Formats[i], nil
}

// Names lists the names of all formats.
func Names() []string {
	var names []string
	for _, f := range Formats {
		names = append(names, f.Name)
	}
	return names
}

// Replay hands a whole report to a handler, as a scan would.
func Replay(r *seaworthy.Report, checks []seaworthy.Check, h Handler) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, Close(h))
		}
	}()
	if err := h.Start(&r.Header, checks); err != nil {
		return err
	}
	for i := range r.Findings {
		if err := h.Finding(&r.Findings[i]); err != nil {
			return err
		}
	}
	for i := range r.Passes {
		if err := h.Pass(&r.Passes[i]); err != nil {
			return err
		}
	}
	return h.End(&r.Trailer)
}

// Close gives up a handler before its End: what it keeps in temporary files is removed.
// What it wrote so far is not a whole report. After End it does nothing.
func Close(h Handler) error {
	if c, ok := h.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Tee hands one report to several handlers. An error of one ends them all.
func Tee(handlers ...Handler) Handler { return tee(handlers) }

type tee []Handler

func (t tee) each(f func(Handler) error) error {
	for _, h := range t {
		if err := f(h); err != nil {
			return err
		}
	}
	return nil
}

func (t tee) Start(h *seaworthy.Header, checks []seaworthy.Check) error {
	return t.each(func(to Handler) error { return to.Start(h, checks) })
}

func (t tee) Finding(f *seaworthy.Finding) error {
	return t.each(func(to Handler) error { return to.Finding(f) })
}

func (t tee) Pass(p *seaworthy.Pass) error {
	return t.each(func(to Handler) error { return to.Pass(p) })
}

func (t tee) End(tr *seaworthy.Trailer) error {
	return t.each(func(to Handler) error { return to.End(tr) })
}

// Close closes all, whatever the others say.
func (t tee) Close() error {
	var errs []error
	for _, h := range t {
		errs = append(errs, Close(h))
	}
	return errors.Join(errs...)
}

// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Limits bound what a report may hold.
type Limits struct {
	Bytes    int64 // of the report; 0: 2 GiB
	Findings int   // 0: 2,000,000
	Objects  int   // 0: 1,000,000
}

func (l Limits) orDefaults() Limits {
	return Limits{cmp.Or(l.Bytes, 2<<30), cmp.Or(l.Findings, 2_000_000), cmp.Or(l.Objects, 1_000_000)}
}

// Bounds of single values, in bytes, and of lists.
const (
	maxValue    = 1 << 20 // a finding, an object, an error
	maxHead     = 8 << 20 // a part of the head, the summary
	maxChecks   = 10_000
	maxProblems = 200_000
	maxName     = 512
)

// key is the binary form of an id.
type key [16]byte

func keyOf(id string) (k key) {
	_, _ = hex.Decode(k[:], []byte(id)) // ids are made here
	return k
}

func (k key) String() string { return hex.EncodeToString(k[:]) }

// indexed is a finding or an object of a report: what it is, a digest of what is said of
// it, and where in the spool that is.
type indexed struct {
	id, content key
	at          int64
}

// report is a report after it was read: small parts as they are, the rest as an index.
type report struct {
	head     seaworthy.Header
	finished time.Time
	checks   []checkResult
	errors   []seaworthy.Problem
	skipped  []seaworthy.Problem // left out on purpose
	summary  seaworthy.Summary
	findings []indexed // by id, each once
	objects  map[key]seen
	// listed tells whether objects without findings are named too: all of them, or those
	// that passed a check.
	listed bool
	spool  *spool
}

// seen is where the spool has an object.
type seen struct {
	at  int64
	own bool // said by the list of objects, not only by a finding
}

// checkResult is the result of a check with what newer reports may say of it.
type checkResult struct {
	seaworthy.CheckResult
	Digest           string `json:"digest"`
	ParametersDigest string `json:"parametersDigest"`
	Mode             string `json:"mode"`
}

// reader reads one report of a source whose id is known later: ids of findings and
// objects are made by what read is given.
type reader struct {
	*report
	scan   *scanner
	limits Limits
	source string
	names  names
	have   map[string]bool
	pairs  int // of check and namespace, counted so far
}

// readReport reads a report to its end. Its parts may come in any order, except that the
// head comes before what is found.
func readReport(r io.Reader, limits Limits, tempDir string, resolve func(seaworthy.Header) (source string, err error)) (_ *report, err error) {
	sp, err := newSpool(tempDir)
	if err != nil {
		return nil, err
	}
	rd := &reader{
		report: &report{objects: map[key]seen{}, spool: sp}, scan: newScanner(r), limits: limits,
		names: names{}, have: map[string]bool{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, sp.Close())
		}
	}()
	if err := rd.read(resolve); err != nil {
		return nil, err
	}
	rd.sort()
	return rd.report, nil
}

// sort brings findings into the order of their ids, each once.
func (r *report) sort() {
	slices.SortStableFunc(r.findings, func(a, b indexed) int { return compareKeys(a.id, b.id) })
	r.findings = slices.CompactFunc(r.findings, func(a, b indexed) bool { return a.id == b.id })
}

func compareKeys(a, b key) int { return bytes.Compare(a[:], b[:]) }

func (r *reader) read(resolve func(seaworthy.Header) (string, error)) error {
	if err := r.scan.want('{'); err != nil {
		return err
	}
	err := r.scan.each('}', func() error {
		raw, err := r.scan.value(maxName)
		if err != nil {
			return err
		}
		name, err := text(raw)
		if err != nil {
			return err
		}
		if r.have[name] {
			return seaworthy.Invalid("the report says %q twice", name)
		}
		r.have[name] = true
		if err := r.scan.want(':'); err != nil {
			return err
		}
		return r.member(name, resolve)
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"apiVersion", "source", "catalogue", "findings", "finished", "checks", "errors", "summary"} {
		if !r.have[name] {
			return seaworthy.Invalid("this is not a whole report of seaworthy: it has no %q", name)
		}
	}
	return r.atEnd()
}

func (r *reader) member(name string, resolve func(seaworthy.Header) (string, error)) error {
	switch name {
	case "apiVersion":
		if err := r.part(&r.head.APIVersion); err != nil {
			return err
		}
		if r.head.APIVersion != seaworthy.ReportVersion {
			return seaworthy.Invalid("the report is of version %q, this server takes %s", r.head.APIVersion, seaworthy.ReportVersion)
		}
		return nil
	case "tool":
		return r.part(&r.head.Tool)
	case "source":
		return r.part(&r.head.Source)
	case "catalogue":
		return r.part(&r.head.Catalogue)
	case "findings", "passed", "objects":
		if r.source == "" {
			if !r.have["source"] || !r.have["catalogue"] || !r.have["apiVersion"] {
				return seaworthy.Invalid("the report lists %s before it says what it looked at", name)
			}
			var err error
			if r.source, err = resolve(r.head); err != nil {
				return err
			}
		}
		return r.many(name)
	case "finished":
		return r.part(&r.finished)
	case "checks":
		return r.list(maxChecks, func(raw []byte) error { return r.check(raw) })
	case "errors":
		return r.list(maxProblems, func(raw []byte) error { return problem(raw, &r.errors) })
	case "skipped":
		return r.list(maxProblems, func(raw []byte) error { return problem(raw, &r.skipped) })
	case "summary":
		return r.part(&r.summary)
	}
	return r.scan.skip()
}

func problem(raw []byte, to *[]seaworthy.Problem) error {
	var p seaworthy.Problem
	err := decode(raw, &p)
	*to = append(*to, p)
	return err
}

// part reads a small value.
func (r *reader) part(into any) error {
	raw, err := r.scan.value(maxHead)
	if err != nil {
		return err
	}
	return decode(raw, into)
}

// list reads a list value by value; null is an empty one.
func (r *reader) list(most int, f func(raw []byte) error) error {
	c, err := r.scan.peek()
	if err != nil {
		return err
	}
	if c == 'n' {
		var none json.RawMessage
		return r.part(&none)
	}
	if err := r.scan.want('['); err != nil {
		return err
	}
	n := 0
	return r.scan.each(']', func() error {
		if n++; n > most {
			return seaworthy.Invalid("a list of the report has more than %d items", most)
		}
		raw, err := r.scan.value(maxValue)
		if err != nil {
			return err
		}
		return f(raw)
	})
}

func (r *reader) many(name string) error {
	switch name {
	case "findings":
		return r.list(r.limits.Findings, r.finding)
	case "passed":
		r.listed = true
		// An object passes many checks.
		return r.list(300*r.limits.Objects, r.pass)
	}
	r.listed = true
	return r.list(r.limits.Objects, r.object)
}

// isCheckID tells whether a check may be called so: the log names checks, one word each.
func isCheckID(id string) bool {
	return id != "" && len(id) <= 253 && utf8.ValidString(id) && !strings.ContainsFunc(id, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("._/:@+-", r)
	})
}

func (r *reader) check(raw []byte) error {
	var c checkResult
	if err := decode(raw, &c); err != nil {
		return err
	}
	if !isCheckID(c.ID) {
		return seaworthy.Invalid("the report has a check called %.60q", c.ID)
	}
	if slices.ContainsFunc(r.checks, func(o checkResult) bool { return o.ID == c.ID }) {
		return seaworthy.Invalid("the report has the check %s twice", c.ID)
	}
	severity, err := seaworthy.ParseSeverity(string(c.Severity))
	if err != nil {
		return err
	}
	c.Severity = severity
	if err := r.divided(&c); err != nil {
		return err
	}
	if c.Controls == nil {
		c.Controls = []string{}
	}
	r.checks = append(r.checks, c)
	return nil
}

func (r *reader) atEnd() error {
	_, err := r.scan.peek()
	switch {
	case err == nil:
		return seaworthy.Invalid("more follows after the end of the report")
	case !errors.Is(r.scan.err, io.ErrUnexpectedEOF):
		return err
	}
	return nil
}

// complete tells whether the report saw and judged everything that it was to.
func (r *report) complete() bool {
	return len(r.errors) == 0 && !slices.ContainsFunc(r.checks, func(c checkResult) bool {
		return c.Status == seaworthy.StatusError || c.Errors > 0
	})
}

// tracked gives a finding back from the spool. What a life adds is empty.
func (r *report) tracked(source string, f indexed) (seaworthy.TrackedFinding, error) {
	t, err := r.spool.get(f.at, 15)
	if err != nil {
		return seaworthy.TrackedFinding{}, err
	}
	line, err := strconv.Atoi(t[10])
	if err != nil {
		return seaworthy.TrackedFinding{}, fmt.Errorf("read a temporary file: %w", err)
	}
	v := seaworthy.TrackedFinding{
		ID: f.id.String(), SourceID: source, Fingerprint: t[0], Check: t[1], Severity: seaworthy.Severity(t[2]), Category: t[3],
		Object:    seaworthy.Object{APIVersion: t[4], Kind: t[5], Namespace: t[6], Name: t[7]},
		Container: t[8], Path: t[9], Line: line, File: t[11], Origin: t[12], Message: t[13], WaiverRequested: t[14],
	}
	v.ObjectID = store.ObjectID(source, v.Object)
	return v, nil
}

// found gives an object back from the spool.
func (r *report) found(source string, id key) (store.TrackedObject, error) {
	t, err := r.spool.get(r.objects[id].at, 8)
	if err != nil {
		return store.TrackedObject{}, err
	}
	o := store.TrackedObject{
		ID: id.String(), SourceID: source, Object: seaworthy.Object{APIVersion: t[0], Kind: t[1], Namespace: t[2], Name: t[3]},
		Workload: t[4] == "workload", File: t[5], Excerpt: t[6], Labels: map[string]string{},
	}
	if t[7] == "" {
		return o, nil
	}
	return o, json.Unmarshal([]byte(t[7]), &o.Labels)
}

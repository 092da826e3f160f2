// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/seaworthy-dev/seaworthy"
)

// Read reads a whole JSON report of version 1. Fields that it does not know are from a
// newer minor version and are ignored.
func Read(r io.Reader) (*seaworthy.Report, error) {
	d := json.NewDecoder(r)
	var rep seaworthy.Report
	if err := d.Decode(&rep); err != nil {
		return nil, notReport(err)
	}
	if err := atEnd(d); err != nil {
		return nil, err
	}
	if rep.APIVersion != seaworthy.ReportVersion {
		return nil, otherVersion(rep.APIVersion)
	}
	return &rep, nil
}

// Fingerprints gives the fingerprints of the findings of a JSON report, one after the
// other without holding the report. Findings that were waived are left out: once their
// waiver ends they count again, whatever was known before. A report that is cut off, of another version or
// without findings and summary ends in an error: a part of a baseline is none.
func Fingerprints(r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		d := json.NewDecoder(r)
		stop := errors.New("stop")
		err := fingerprints(d, func(s string) error {
			if !yield(s, nil) {
				return stop
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			yield("", err)
		}
	}
}

func fingerprints(d *json.Decoder, each func(string) error) error {
	if err := want(d, json.Delim('{')); err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return notReport(err)
		}
		key, _ := name.(string)
		seen[key] = true
		switch key {
		case "apiVersion":
			var version string
			if err := d.Decode(&version); err != nil {
				return notReport(err)
			}
			if version != seaworthy.ReportVersion {
				return otherVersion(version)
			}
		case "findings":
			if err := findings(d, each); err != nil {
				return err
			}
		default:
			if err := skip(d); err != nil {
				return err
			}
		}
	}
	if err := want(d, json.Delim('}')); err != nil {
		return err
	}
	for _, key := range []string{"apiVersion", "findings", "summary"} {
		if !seen[key] {
			return seaworthy.Invalid("this is not a report of seaworthy: it has no %q", key)
		}
	}
	return atEnd(d)
}

func findings(d *json.Decoder, each func(string) error) error {
	if err := want(d, json.Delim('[')); err != nil {
		return err
	}
	for n := 1; d.More(); n++ {
		var f struct {
			Fingerprint string    `json:"fingerprint"`
			Waiver      *struct{} `json:"waiver"`
		}
		if err := d.Decode(&f); err != nil {
			return notReport(err)
		}
		if f.Fingerprint == "" {
			return seaworthy.Invalid("finding %d of the report has no fingerprint", n)
		}
		if f.Waiver != nil {
			continue
		}
		if err := each(f.Fingerprint); err != nil {
			return err
		}
	}
	return want(d, json.Delim(']'))
}

// skip passes over one value without holding it.
func skip(d *json.Decoder) error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return notReport(err)
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func want(d *json.Decoder, delim json.Delim) error {
	t, err := d.Token()
	if err != nil {
		return notReport(err)
	}
	if t != delim {
		return notReport(fmt.Errorf("%v where %v should stand", t, delim))
	}
	return nil
}

func atEnd(d *json.Decoder) error {
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return seaworthy.Invalid("more follows after the end of the report")
	}
	return nil
}

func notReport(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	return &seaworthy.Error{
		Kind: seaworthy.KindInvalid, Err: err,
		Message: "this is not a whole JSON report (one is written with --output json)",
	}
}

func otherVersion(version string) error {
	return seaworthy.Invalid("the report is of version %q, this program reads %s", version, seaworthy.ReportVersion)
}

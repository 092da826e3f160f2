// SPDX-License-Identifier: Apache-2.0

package seaworthy

import (
	"path"
	"time"
)

// Waiver accepts findings: who, why and until when. It never turns a failure into a
// pass; the object stays in n of N.
type Waiver struct {
	Check     string `json:"check" yaml:"check"`         // check id, or a pattern as in path.Match
	Kind      string `json:"kind,omitempty" yaml:"kind"` // empty: any
	Namespace string `json:"namespace,omitempty" yaml:"namespace"`
	Name      string `json:"name,omitempty" yaml:"name"`
	Container string `json:"container,omitempty" yaml:"container"`
	File      string `json:"file,omitempty" yaml:"file"`
	// Fingerprint waives exactly one finding.
	Fingerprint         string `json:"fingerprint,omitempty" yaml:"fingerprint"`
	Owner               string `json:"owner" yaml:"owner"`
	Reason              string `json:"reason" yaml:"reason"`
	CompensatingControl string `json:"compensatingControl,omitempty" yaml:"compensatingControl"`
	Approver            string `json:"approver,omitempty" yaml:"approver"`
	Expires             Date   `json:"expires" yaml:"expires"`
}

// AppliedWaiver is what a waived finding shows of its waiver.
type AppliedWaiver struct {
	Owner    string `json:"owner,omitempty"`
	Reason   string `json:"reason"`
	Approver string `json:"approver,omitempty"`
	Expires  Date   `json:"expires,omitzero"`
	By       string `json:"by"` // "file" or "annotation"
}

// Validate says what a waiver lacks.
func (w Waiver) Validate() error {
	switch {
	case w.Check == "":
		return Invalid("a waiver needs a check")
	case w.Owner == "":
		return Invalid("the waiver of %s needs an owner", w.Check)
	case w.Reason == "":
		return Invalid("the waiver of %s needs a reason", w.Check)
	case w.Expires.IsZero():
		return Invalid("the waiver of %s needs an expiry date (expires: YYYY-MM-DD)", w.Check)
	case w.Approver != "" && w.Approver == w.Owner:
		return Invalid("the waiver of %s is approved by its own owner %s", w.Check, w.Owner)
	}
	for _, p := range []string{w.Check, w.Kind, w.Namespace, w.Name, w.Container, w.File} {
		if _, err := path.Match(p, ""); err != nil {
			return Invalid("the waiver of %s has a malformed pattern %q", w.Check, p)
		}
	}
	return nil
}

// Matches tells whether the waiver speaks of the finding, expired or not.
func (w Waiver) Matches(f *Finding) bool {
	if w.Fingerprint != "" && w.Fingerprint != f.Fingerprint {
		return false
	}
	for _, m := range [...]struct{ pattern, value string }{
		{w.Check, f.Check}, {w.Kind, f.Object.Kind}, {w.Namespace, f.Object.Namespace},
		{w.Name, f.Object.Name}, {w.Container, f.Container}, {w.File, f.File},
	} {
		if m.pattern == "" {
			continue
		}
		if ok, err := path.Match(m.pattern, m.value); err != nil || !ok {
			return false
		}
	}
	return true
}

// Date is a day, written YYYY-MM-DD. A waiver that expires on a day holds to its end,
// in UTC.
type Date struct{ time.Time }

// UnmarshalText reads YYYY-MM-DD.
func (d *Date) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.DateOnly, string(b))
	if err != nil {
		return Invalid("date %q is not of the form YYYY-MM-DD", b)
	}
	d.Time = t
	return nil
}

// MarshalText writes YYYY-MM-DD, or nothing for no date.
func (d Date) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.Format(time.DateOnly)), nil
}

// MarshalJSON writes the date as a JSON string.
func (d Date) MarshalJSON() ([]byte, error) { return []byte(`"` + d.String() + `"`), nil }

// UnmarshalJSON reads the date from a JSON string.
func (d *Date) UnmarshalJSON(b []byte) error {
	if len(b) < 2 || b[0] != '"' {
		return Invalid("date %s is not a string of the form YYYY-MM-DD", b)
	}
	if len(b) == 2 {
		*d = Date{}
		return nil
	}
	return d.UnmarshalText(b[1 : len(b)-1])
}

// String is YYYY-MM-DD, or empty for no date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Format(time.DateOnly)
}

// Over tells whether the day has passed at t.
func (d Date) Over(t time.Time) bool { return !t.UTC().Before(d.AddDate(0, 0, 1)) }

// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

type junitCounts struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
}

type junitReport struct {
	XMLName xml.Name `xml:"testsuites"`
	junitCounts
	Suites []struct {
		Name string `xml:"name,attr"`
		junitCounts
		Cases []struct {
			Class   string  `xml:"classname,attr"`
			Name    string  `xml:"name,attr"`
			Failure *string `xml:"failure"`
			Error   *string `xml:"error"`
			Skipped *struct {
				Message string `xml:"message,attr"`
			} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

// readJUnit parses the report and holds its counts to its cases.
func readJUnit(t *testing.T, doc []byte) junitReport {
	t.Helper()
	var r junitReport
	if err := xml.Unmarshal(doc, &r); err != nil {
		t.Fatalf("not XML: %v\n%s", err, doc)
	}
	var all junitCounts
	for _, s := range r.Suites {
		n := junitCounts{Tests: len(s.Cases)}
		for _, c := range s.Cases {
			switch {
			case c.Failure != nil:
				n.Failures++
			case c.Error != nil:
				n.Errors++
			case c.Skipped != nil:
				n.Skipped++
			}
		}
		if n != s.junitCounts {
			t.Errorf("suite %s says %+v and holds %+v", s.Name, s.junitCounts, n)
		}
		all = junitCounts{all.Tests + n.Tests, all.Failures + n.Failures, all.Errors + n.Errors, all.Skipped + n.Skipped}
	}
	if all != r.junitCounts {
		t.Errorf("the report says %+v and holds %+v", r.junitCounts, all)
	}
	return r
}

func TestJUnitCountsWhatItHolds(t *testing.T) {
	r := readJUnit(t, render(t, "junit", rich(), output.Options{}))
	s := rich().Summary
	if want := s.Findings; r.Failures != want {
		t.Errorf("%d failures, want the %d open findings", r.Failures, want)
	}
	waived := 0
	for _, suite := range r.Suites {
		for _, c := range suite.Cases {
			if c.Skipped != nil && strings.HasPrefix(c.Skipped.Message, "waived: dana@shop.example") {
				waived++
			}
		}
	}
	if waived != 1 {
		t.Errorf("%d cases are skipped as waived, want 1", waived)
	}
	readJUnit(t, render(t, "junit", clear(), output.Options{}))
	big, all := largeReport(3000)
	junit, err := output.Named("junit")
	if err != nil {
		t.Fatal(err)
	}
	if got := readJUnit(t, replay(t, junit, big, all, output.Options{})); got.Failures != 3000 {
		t.Errorf("%d failures of 3000 findings", got.Failures)
	}
}

// TestJUnitKeepsFindingsOfUnknownChecks: a finding is shown though the trailer forgot
// its check.
func TestJUnitKeepsFindingsOfUnknownChecks(t *testing.T) {
	r := rich()
	r.Checks = nil
	if got := readJUnit(t, render(t, "junit", r, output.Options{})); got.Failures != r.Summary.Findings {
		t.Errorf("%d failures, want %d", got.Failures, r.Summary.Findings)
	}
}

func TestJUnitIsXMLWhateverTheBytes(t *testing.T) {
	junit, err := output.Named("junit")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{hostile, "\x00", "\ufffe\uffff", "\xed\xa0\x80", "]]>", "&#0;&lt;"} {
		readJUnit(t, replay(t, junit, poisoned(rich(), s), []seaworthy.Check{}, output.Options{}))
	}
}

// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// logKey makes the key of a log.
func logKey(t testing.TB) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err1 := note.NewSigner(private)
	verifier, err2 := note.NewVerifier(public)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

// sealed is a package in memory.
type sealed struct {
	t     testing.TB
	data  []byte
	files map[string]string
}

func (c *company) pack(p seaworthy.Principal, r audit.PackageRequest, signer note.Signer) sealed {
	c.t.Helper()
	var b bytes.Buffer
	_, err := c.Export(c.t.Context(), p, r, audit.Sealer{Signer: signer}, &b)
	c.must(err)
	return unzip(c.t, b.Bytes())
}

func unzip(t testing.TB, data []byte) sealed {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	s := sealed{t, data, map[string]string{}}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		s.files[f.Name] = string(text)
	}
	return s
}

// rows reads a table of the package: a map for each row.
func (s sealed) rows(name string) []map[string]string {
	s.t.Helper()
	text, ok := s.files[name]
	if !ok {
		s.t.Fatalf("the package has no %s", name)
	}
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	out := []map[string]string{}
	for _, record := range all[1:] {
		row := map[string]string{}
		for i, v := range record {
			row[all[0][i]] = v
		}
		out = append(out, row)
	}
	return out
}

// archive is a company whose evidence is in a vault.
type archive struct {
	*company
	vault *vault.Vault
}

func eachArchive(t *testing.T, f func(*archive)) {
	t.Helper()
	each(t, small(), func(c *company) {
		folder, err := vault.OpenFolder(c.t.TempDir())
		c.must(err)
		c.t.Cleanup(func() { c.must(folder.Close()) })
		a := &archive{c, vault.New(folder, folder)}
		c.Audit = audit.New(c.store, small(), a.vault)
		f(a)
	})
}

// take takes a report whose bytes are kept.
func (c *archive) take(source string) {
	c.t.Helper()
	blob, _, err := c.vault.Put(c.t.Context(), strings.NewReader("report of "+source+" at "+c.now.String()), 1<<20)
	c.must(err)
	c.report(source, func(r *seaworthy.Run) { r.Blob = blob })
}

// upload adds bytes as evidence for a control.
func (c *archive) upload(control, title, text string, from, to time.Time) seaworthy.Evidence {
	c.t.Helper()
	digest, size, err := c.vault.Put(c.t.Context(), strings.NewReader(text), 1<<20)
	c.must(err)
	e, err := c.AddEvidence(c.t.Context(), manager, seaworthy.Evidence{
		Kind: seaworthy.EvidenceUpload, Title: title, Shows: seaworthy.Operation, Digest: digest, Size: size, MediaType: "text/plain",
		FileName: "minutes.txt", Controls: []string{control}, EffectiveFrom: from, EffectiveTo: to, CollectedAt: c.now,
	}, audit.Performance{})
	c.must(err)
	return e
}

// year fills a program: reports, minutes, a frozen list and a sample, and things that are
// none of its business.
func (c *archive) year() seaworthy.Program {
	c.t.Helper()
	c.cluster("prod", seaworthy.Production)
	c.cluster("other", seaworthy.Production)
	p := c.program("prod")
	c.at("2026-01-02T01:00")
	c.own()
	for _, day := range []string{"2026-01-02T08:00", "2026-01-03T08:00"} {
		c.now = date(day)
		c.take("prod")
		c.take("other")
	}
	c.at("2026-01-04T06:00")
	c.upload("access-review", "=cmd|' /C calc'!A0", "who may do what\n", date("2026-01-01"), date("2026-01-03"))
	c.upload("board-oversight", "Minutes", "we met\n", date("2026-01-02"), date("2026-01-02"))
	c.upload("board-oversight", "Minutes of last year", "we met then\n", date("2025-01-02"), date("2025-01-02"))
	c.now = date("2026-01-05")
	population, err := c.Freeze(c.t.Context(), manager, audit.FreezeRequest{Name: "Performances, all", Program: p.ID, List: "occurrences"})
	c.must(err)
	_, err = c.SampleBySeed(c.t.Context(), manager, population.ID, "42", 1000)
	c.must(err)
	c.now = date("2026-01-06")
	return p
}

func TestPackageHoldsWhatTheLogSays(t *testing.T) {
	eachArchive(t, func(c *archive) {
		p := c.year()
		signer, key := logKey(c.t)
		pkg := c.pack(manager, audit.PackageRequest{Program: p.ID}, signer)
		got, err := vault.Verify(bytes.NewReader(pkg.data), int64(len(pkg.data)), vault.Trust{Key: key})
		c.must(err)
		if !got.Intact() || got.Name != p.Name || got.LeftOut != 0 || !strings.Contains(got.Partial, "the period ends 2026-07-01") {
			c.t.Fatalf("Verify = %+v", got)
		}
		for _, name := range []string{"README.txt", "00_scope/program.json", "00_scope/criteria.csv", "00_scope/applicability.csv", "00_scope/sources.csv",
			"01_controls/control-access-review.json", "01_controls/control-criteria.csv", "05_tests/results.jsonl", "05_tests/gaps.csv",
			"06_deviations/deviations.csv", "06_deviations/waivers.csv", "log/entries.jsonl", "log/seal.json", "log/checkpoint.txt"} {
			if pkg.files[name] == "" {
				c.t.Errorf("the package has no %s", name)
			}
		}
		c.checkIndex(pkg)
		if n := len(pkg.rows("01_controls/controls.csv")); n != 12 { // as seeded, and with an owner
			c.t.Errorf("%d versions of controls", n)
		}
		if strings.Contains(pkg.files["05_tests/results.jsonl"], `"other"`) {
			c.t.Error("results of a cluster that is out of scope are in it")
		}
		c.checkSample(pkg)
	})
}

// checkIndex checks that the evidence of scope and period is in the package, and no other.
func (c *company) checkIndex(pkg sealed) {
	c.t.Helper()
	titles := map[string]map[string]string{}
	for _, row := range pkg.rows("04_evidence/index.csv") {
		titles[row["title"]] = row
		if row["path"] == "" || pkg.files[row["path"]] == "" {
			c.t.Errorf("%s has no bytes", row["title"])
		}
		if e := (vault.Entry{}); json.Unmarshal([]byte(line(pkg.files["log/entries.jsonl"], row["log_index"])), &e) != nil || !strings.Contains(*e.Content, row["evidence_id"]) {
			c.t.Errorf("%s: entry %s of the log does not speak of it", row["title"], row["log_index"])
		}
	}
	want := []string{"'=cmd|' /C calc'!A0", "Minutes", "Report of prod, 2026-01-02", "Report of prod, 2026-01-03"}
	var have []string
	for title := range titles {
		have = append(have, title)
	}
	slices.Sort(have)
	if !slices.Equal(have, want) {
		c.t.Errorf("the index holds %q, want %q", have, want)
	}
	report := titles["Report of prod, 2026-01-02"]
	if text := pkg.files[report["path"]]; !strings.HasPrefix(text, "report of prod at 2026-01-02") {
		c.t.Errorf("the report is not there as it was kept: %.40q", text)
	}
	if report["criteria"] == "" || report["source_system"] != "prod" || report["occurrence"] == "" {
		c.t.Errorf("the report's row is %v", report)
	}
}

// line is the line of entries that speaks of an index.
func line(entries, index string) string {
	for l := range strings.Lines(entries) {
		if strings.HasPrefix(l, `{"index":`+index+`,`) {
			return l
		}
	}
	return ""
}

// checkSample checks that a selected day has its report.
func (c *company) checkSample(pkg sealed) {
	c.t.Helper()
	for _, row := range pkg.rows("03_samples/items.csv") {
		if strings.HasPrefix(row["title"], "Report of prod") && pkg.files[row["path"]] != "" && pkg.files[row["sample"]+".csv"] != "" {
			return
		}
	}
	c.t.Errorf("no item of the sample has a report:\n%s", pkg.files["03_samples/items.csv"])
}

func TestSameStateSamePackage(t *testing.T) {
	eachArchive(t, func(c *archive) {
		p := c.year()
		signer, _ := logKey(c.t)
		asOf := c.now
		first := c.pack(manager, audit.PackageRequest{Program: p.ID, AsOf: asOf}, signer)
		c.now = c.now.Add(40 * day)
		c.must(c.Advance(c.t.Context()))
		c.upload("board-oversight", "Later", "later\n", date("2026-01-05"), date("2026-01-05"))
		second := c.pack(manager, audit.PackageRequest{Program: p.ID, AsOf: asOf}, signer)
		if first.files["SHA256SUMS"] != second.files["SHA256SUMS"] {
			c.t.Errorf("the same moment makes other files:\n%s\n%s", first.files["SHA256SUMS"], second.files["SHA256SUMS"])
		}
	})
}

func TestPackageTellsWhatIsLeftOut(t *testing.T) {
	eachArchive(t, func(c *archive) {
		p := c.year()
		signer, key := logKey(c.t)
		digest, _, err := c.vault.Put(c.t.Context(), strings.NewReader("we met\n"), 100)
		c.must(err)
		c.must(c.vault.Delete(c.t.Context(), digest))
		lost := c.pack(manager, audit.PackageRequest{Program: p.ID}, signer)
		without := c.pack(manager, audit.PackageRequest{Program: p.ID, WithoutBytes: true}, signer)
		for name, pkg := range map[string]sealed{"the bytes of 1 piece of evidence could not be had": lost, "left out on request": without} {
			got, err := vault.Verify(bytes.NewReader(pkg.data), int64(len(pkg.data)), vault.Trust{Key: key})
			c.must(err)
			if !got.Intact() || got.LeftOut == 0 || !strings.Contains(got.Partial, name) || !strings.Contains(pkg.files["README.txt"], name) {
				c.t.Errorf("%s: Verify = %+v", name, got)
			}
		}
		if !strings.Contains(lost.files[vault.LeftOutFile], digest) {
			c.t.Errorf("%s says %q", vault.LeftOutFile, lost.files[vault.LeftOutFile])
		}
	})
}

func TestErasedEvidenceStaysProved(t *testing.T) {
	eachArchive(t, func(c *archive) {
		p := c.year()
		signer, key := logKey(c.t)
		list, err := c.store.EvidenceList(c.t.Context(), store.EvidenceFilter{Control: "access-review"})
		c.must(err)
		before := c.now
		c.now = c.now.Add(time.Hour)
		c.must(c.Audit.EraseEvidence(c.t.Context(), owner, list[0].ID, "it named people"))
		pkg := c.pack(manager, audit.PackageRequest{Program: p.ID}, signer)
		got, err := vault.Verify(bytes.NewReader(pkg.data), int64(len(pkg.data)), vault.Trust{Key: key})
		c.must(err)
		if !got.Intact() || strings.Contains(pkg.files["log/entries.jsonl"], "calc") || strings.Contains(pkg.files["04_evidence/index.csv"], "calc") {
			c.t.Errorf("Verify = %+v, or the package holds what was erased", got)
		}
		past := c.pack(manager, audit.PackageRequest{Program: p.ID, AsOf: before}, signer)
		if !strings.Contains(past.files["README.txt"], "1 record as of then had been erased since") {
			c.t.Errorf("README.txt of the past does not tell of the erasure:\n%s", past.files["README.txt"])
		}
	})
}

func TestWhoMayExport(t *testing.T) {
	eachArchive(t, func(c *archive) {
		p := c.year()
		signer, _ := logKey(c.t)
		auditor := seaworthy.Principal{Actor: "user:aud", UserID: "aud", Role: seaworthy.Auditor, Program: p.ID}
		c.pack(auditor, audit.PackageRequest{Program: p.ID}, signer)
		auditor.Program = "another"
		for _, who := range []seaworthy.Principal{viewer, auditor} {
			if _, err := c.Export(c.t.Context(), who, audit.PackageRequest{Program: p.ID}, audit.Sealer{Signer: signer}, io.Discard); err == nil {
				c.t.Errorf("%s of program %q may export", who.Role, who.Program)
			}
		}
		if _, err := c.Export(c.t.Context(), manager, audit.PackageRequest{Program: p.ID, AsOf: c.now.Add(day)}, audit.Sealer{Signer: signer}, io.Discard); err == nil {
			c.t.Error("a package is as of the future")
		}
		if _, err := c.Export(c.t.Context(), manager, audit.PackageRequest{Program: "none"}, audit.Sealer{Signer: signer}, io.Discard); err == nil {
			c.t.Error("a program that is not there is exported")
		}
		actions, err := c.store.Actions(c.t.Context(), "", 10)
		c.must(err)
		if len(actions) != 1 || actions[0].Verb != "export" || actions[0].Actor != "user:aud" {
			c.t.Errorf("the log tells of the exports %+v", actions)
		}
	})
}

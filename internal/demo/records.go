// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

// made stands in everything that is brought as evidence.
const made = "Example data. Harbour Lane, its people and its systems are made up."

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// bring brings the evidence of a control for some time.
func (s *story) bring(ctx context.Context, k seaworthy.TrackedControl, occurrences []string, from, to, collected time.Time, when string, how audit.Performance) error {
	r, ok := s.plan.Records[k.ID]
	if !ok {
		r = record{Kind: "csv", Title: k.Evidence[0]}
		if k.Class() == seaworthy.ByPeople {
			r.Kind = "text"
		}
	}
	e := seaworthy.Evidence{
		Title: r.Title + " · " + when, Shows: seaworthy.Operation, Controls: []string{k.ID}, Occurrences: occurrences, System: r.System, Query: r.Query,
		Scope: []string{}, EffectiveFrom: from, EffectiveTo: to, CollectedAt: collected,
	}
	body, err := s.body(&e, k, r, from, to)
	if err != nil {
		return err
	}
	return s.add(ctx, k, e, body, how)
}

// bringText brings evidence that is a text.
func (s *story) bringText(ctx context.Context, k seaworthy.TrackedControl, occurrences []string, from, to, collected time.Time, title, text string, how audit.Performance) error {
	e := seaworthy.Evidence{
		Kind: seaworthy.EvidenceUpload, Title: title, Shows: seaworthy.Operation, Controls: []string{k.ID}, Occurrences: occurrences,
		Scope: []string{}, EffectiveFrom: from, EffectiveTo: to, CollectedAt: collected,
		MediaType: "text/plain; charset=utf-8", FileName: fileName(title, "txt"), System: "ticket tracker of Harbour Lane", Rows: 1,
	}
	body := fmt.Sprintf("%s\n\n%s\n\n%s\n", title, text, made)
	return s.add(ctx, k, e, []byte(body), how)
}

func (s *story) add(ctx context.Context, k seaworthy.TrackedControl, e seaworthy.Evidence, body []byte, how audit.Performance) error {
	if body != nil {
		digest, size, err := s.Vault.Put(ctx, bytes.NewReader(body), 1<<20)
		if err != nil {
			return err
		}
		e.Digest, e.Size = digest, size
	}
	_, err := s.audit.AddEvidence(ctx, s.who(k), e, how)
	return err
}

// body makes what the record says, in its form; nil where there are no bytes.
func (s *story) body(e *seaworthy.Evidence, k seaworthy.TrackedControl, r record, from, to time.Time) ([]byte, error) {
	e.Kind = seaworthy.EvidenceUpload
	switch r.Kind {
	case "link":
		e.Kind, e.URL = seaworthy.EvidenceLink, r.URL+"?from="+from.Format(time.DateOnly)
		return nil, nil
	case "attestation":
		e.Kind, e.Statement = seaworthy.EvidenceAttestation, strings.Join(r.Lines, " ")
		return nil, nil
	case "pdf":
		e.MediaType, e.FileName = "application/pdf", fileName(e.Title, "pdf")
		return pdf(e.Title, append(slices.Clone(r.Lines), "", k.Statement, "", made)), nil
	case "text":
		e.MediaType, e.FileName = "text/plain; charset=utf-8", fileName(e.Title, "txt")
		lines := r.Lines
		if len(lines) == 0 {
			lines = []string{"Done by " + s.who(k).Name + ".", "", k.Statement}
		}
		return []byte(e.Title + "\n\n" + strings.Join(lines, "\n") + "\n\n" + made + "\n"), nil
	}
	e.MediaType, e.FileName = "text/csv; charset=utf-8", fileName(e.Title, "csv")
	return s.table(e, k, r, from, to)
}

// table makes a row for each day, or the lines of the record.
func (s *story) table(e *seaworthy.Evidence, k seaworthy.TrackedControl, r record, from, to time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"day", "what", "result", "note"}}
	if len(r.Lines) > 0 {
		rows = nil
		for _, l := range r.Lines {
			rows = append(rows, strings.Split(l, "|"))
		}
	} else {
		step := max(day, to.Sub(from)/31)
		for at := from; at.Before(to); at = at.Add(step) {
			rows = append(rows, []string{at.Format(time.DateOnly), k.Title, "done", made})
		}
	}
	e.Rows = len(rows) - 1
	err := w.WriteAll(rows)
	return b.Bytes(), err
}

// pdf makes a page of text, as PDF 1.4 (ISO 32000-1) has it.
func pdf(title string, lines []string) []byte {
	var page strings.Builder
	page.WriteString("BT /F1 16 Tf 56 780 Td (" + inPDF(title) + ") Tj /F1 10 Tf 0 -28 Td 14 TL\n")
	for _, l := range lines {
		for _, part := range wrap(l, 90) {
			page.WriteString("(" + inPDF(part) + ") Tj T*\n")
		}
	}
	page.WriteString("ET")
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", page.Len(), page.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	places := make([]int, len(objects))
	for i, o := range objects {
		places[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, p := range places {
		fmt.Fprintf(&b, "%010d 00000 n \n", p)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, at)
	return b.Bytes()
}

// inPDF writes a text as a PDF string; what Latin-1 does not have becomes a dash.
func inPDF(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 126 {
			return '-'
		}
		return r
	}, strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`).Replace(text))
}

// wrap breaks a line into parts of at most some characters.
func wrap(line string, width int) []string {
	var out []string
	part := ""
	for _, word := range strings.Fields(line) {
		if part != "" && len(part)+1+len(word) > width {
			out = append(out, part)
			part = ""
		}
		part = strings.TrimSpace(part + " " + word)
	}
	return append(out, part)
}

// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	admissionregistration "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy"
)

// What the API server makes of warnings: where all together are longer than the first, it
// cuts each to the second
// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response).
const (
	allWarnings = 4096
	oneWarning  = 256
)

// The most that is said of a request.
const (
	maxChecks     = 20   // in a message
	maxItems      = 5    // of a check, in a message
	maxAnnotation = 2000 // bytes of an audit annotation
)

// conclude decides from the verdicts.
func (g *Guard) conclude(d *Decision) {
	slices.SortStableFunc(d.Verdicts, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(a.Check.Severity.Rank(), b.Check.Severity.Rank()), cmp.Compare(a.Check.ID, b.Check.ID))
	})
	d.Annotations = map[string]string{}
	var deny, warn, failed []*Verdict
	for i := range d.Verdicts {
		v := &d.Verdicts[i]
		d.Annotations[v.Check.ID] = annotation(v)
		d.Failed = d.Failed || v.Err != nil
		refuses := v.open() && v.Mode == Deny
		fails := v.Err != nil && v.Mode == Deny && g.cfg.FailurePolicy == admissionregistration.Fail
		if refuses {
			deny = append(deny, v)
		}
		if fails {
			failed = append(failed, v)
		}
		if !refuses && !fails && v.Mode != Audit && (v.open() || v.Err != nil) {
			warn = append(warn, v)
		}
	}
	d.Warnings = g.warnings(warn)
	if len(deny)+len(failed) == 0 {
		return
	}
	d.Allowed, d.code = false, http.StatusForbidden
	if len(deny) == 0 {
		d.code = http.StatusInternalServerError
	}
	d.Message = g.message(deny, failed)
}

// fail is what comes of a request that could not be judged at all.
func (g *Guard) fail(d *Decision, r *Review, err error) {
	text := clean(fmt.Sprintf("the request could not be judged: %v", err))
	d.Annotations = map[string]string{"error": cut(text, maxAnnotation)}
	d.NotJudged, d.Verdicts, d.Warnings = text, nil, nil
	d.Failed = true
	if g.cfg.FailurePolicy != admissionregistration.Fail || g.spared(r) != "" || !g.mayDeny() {
		d.Allowed = true
		d.Warnings = []string{cut("Let through, but "+text, oneWarning)}
		return
	}
	d.Allowed, d.code = false, http.StatusInternalServerError
	d.Message = text + "; the failure policy of the webhook is Fail"
}

// mayDeny tells whether any check may refuse anything.
func (g *Guard) mayDeny() bool {
	return g.cfg.Default == Deny || slices.ContainsFunc(g.cfg.Modes, func(m ModeIn) bool { return m.Mode == Deny })
}

// message is what whoever asked is told of a refusal.
func (g *Guard) message(deny, failed []*Verdict) string {
	var b strings.Builder
	if n := len(deny); n > 0 {
		fmt.Fprintf(&b, "%d %s:", n, plural(n, "check fails", "checks fail"))
		for _, v := range deny[:min(n, maxChecks)] {
			g.explain(&b, v)
		}
		if n > maxChecks {
			fmt.Fprintf(&b, "\nand %d more", n-maxChecks)
		}
	}
	if n := len(failed); n > 0 {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%d %s be evaluated, and the failure policy is Fail:", n, plural(n, "check could not", "checks could not"))
		for _, v := range failed[:min(n, maxChecks)] {
			fmt.Fprintf(&b, "\n- %s (%s): %s", clean(v.Check.Title), v.Check.ID, cut(clean(v.Err.Error()), 500))
		}
	}
	return b.String()
}

// explain writes one failing check: what is wrong where, and what to do.
func (g *Guard) explain(b *strings.Builder, v *Verdict) {
	fmt.Fprintf(b, "\n- %s (%s, %s)", clean(v.Check.Title), v.Check.ID, v.Check.Severity)
	shown, requested := 0, ""
	for i, f := range v.Findings {
		if f.Waiver != nil {
			continue
		}
		requested = f.WaiverRequested
		if shown++; shown <= maxItems {
			if text := itemText(v.Check, v.Items[i]); text != "" {
				fmt.Fprintf(b, "\n    %s", cut(text, 500))
			}
		}
	}
	if shown > maxItems {
		fmt.Fprintf(b, "\n    and %d more", shown-maxItems)
	}
	if text := firstLine(v.Check.Remediation); text != "" {
		fmt.Fprintf(b, "\n  %s", clean(text))
	}
	if g.cfg.Link != nil {
		if link := g.cfg.Link(v.Check.ID); link != "" {
			fmt.Fprintf(b, "\n  %s", link)
		}
	}
	if requested != "" {
		fmt.Fprintf(b, "\n  The annotation asks for a waiver (%s); nobody has approved one.", cut(clean(requested), 100))
	}
}

// itemText is what is said of an item: where it is, and what of it.
func itemText(k *seaworthy.Check, it seaworthy.Item) string {
	words := []string{it.Key}
	if it.Message != "" && it.Message != k.Title && it.Message != it.Key {
		words = append(words, it.Message)
	}
	return clean(strings.Trim(strings.Join(words, ": "), ": "))
}

// warnings says one thing of each check, and keeps to what the API server hands on.
func (g *Guard) warnings(list []*Verdict) []string {
	var out []string
	total := 0
	for i, v := range list {
		w := warning(v)
		rest := fmt.Sprintf("and %d more checks fail", len(list)-i)
		if i < len(list)-1 && total+len(w)+len(rest) > allWarnings || total+len(w) > allWarnings {
			return append(out, rest)
		}
		out = append(out, w)
		total += len(w)
	}
	return out
}

// warning fits title, items and remediation into one line. What is said of the items gives
// way first, then the items.
func warning(v *Verdict) string {
	if v.Err != nil && !v.open() {
		return cut(clean(fmt.Sprintf("%s (%s) could not be evaluated: %v", v.Check.Title, v.Check.ID, v.Err)), oneWarning)
	}
	head, tail := clean(v.Check.Title), clean(firstLine(v.Check.Remediation))
	var texts, keys []string
	for i, f := range v.Findings {
		if text := itemText(v.Check, v.Items[i]); f.Waiver == nil && text != "" {
			texts, keys = append(texts, text), append(keys, clean(cmp.Or(v.Items[i].Key, text)))
		}
	}
	for n := len(texts); n > 0; n-- {
		for _, items := range [][]string{texts, keys} {
			where := strings.Join(items[:n], ", ")
			if n < len(items) {
				where += fmt.Sprintf(" and %d more", len(items)-n)
			}
			if text := head + ": " + where + ". " + tail; len(text) <= oneWarning {
				return text
			}
		}
	}
	return cut(head+". "+tail, oneWarning)
}

// annotation is what the audit log keeps of a check.
func annotation(v *Verdict) string {
	words := []string{string(v.Mode)}
	if v.Asked != v.Mode {
		words[0] += " (not " + string(v.Asked) + ")"
	}
	if v.Err != nil {
		words = append(words, "error: "+v.Err.Error())
	}
	for i, f := range v.Findings {
		text := v.said(i)
		if f.Waiver != nil {
			text += waivedMark
		}
		words = append(words, text)
	}
	return cut(clean(strings.Join(words, "; ")), maxAnnotation)
}

// waivedMark ends an item in an audit annotation that a waiver accepts.
const waivedMark = " (waived)"

// said is what is said of one finding.
func (v *Verdict) said(i int) string {
	return cmp.Or(itemText(v.Check, v.Items[i]), clean(v.Findings[i].Message))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// clean makes one line of a text, without what terminals and headers do not bear.
func clean(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0 { // as most are
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.In(r, unicode.Cf):
			return -1
		}
		return r
	}, s)
}

// cut shortens a text to a number of bytes, at a character.
func cut(s string, most int) string {
	const mark = "…"
	if len(s) <= most {
		return s
	}
	end := most - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
)

// funcs is all that templates can call besides the methods of what they show.
func (u *UI) funcs() template.FuncMap {
	return template.FuncMap{
		"static":   u.static.url,
		"icon":     icon,
		"mark":     mark,
		"glyph":    glyph,
		"ago":      func(t time.Time) template.HTML { return ago(t, u.now()) },
		"unhosted": unhosted,
		"age":      func(t time.Time) template.HTML { return age(t, u.now()) },
		"day":      day,
		"at":       at,
		"num": func(n any) (string, error) {
			switch n := n.(type) {
			case int:
				return num(n), nil
			case int64:
				return num(n), nil
			}
			return "", fmt.Errorf("%v is no number", n)
		},
		"count":    count,
		"adding":   func(to string, query ...string) string { return adding(to, strings.Join(query, "")) },
		"bytes":    size,
		"every":    every,
		"join":     func(s []string) string { return strings.Join(s, ", ") },
		"initials": initials,
		"short":    short,
	}
}

// ago is a time as people say it, with the exact moment on hover and on paper.
func ago(t, now time.Time) template.HTML {
	if t.IsZero() {
		return `<span class="soft">never</span>`
	}
	return fromNow(t, relative(t, now))
}

// fromNow writes a time as it lies to the present. What is printed is read at another one:
// on paper stands the moment itself.
func fromNow(t time.Time, text string) template.HTML {
	t = t.UTC()
	return template.HTML(`<time class="ago" datetime="` + t.Format(time.RFC3339) + `" title="` + t.Format("Mon 2 Jan 2006 15:04:05 UTC") +
		`" data-at="` + t.Format("2\u00a0Jan\u00a02006 15:04\u00a0UTC") + `" data-day="` + t.Format("2\u00a0Jan\u00a02006") + `"><span>` + text + `</span></time>`)
}

// timeTag writes text that this package made; nothing of it comes from outside.
func timeTag(t time.Time, text string) template.HTML {
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `" title="` + t.Format("Mon 2 Jan 2006 15:04:05 UTC") + `">` + text + `</time>`)
}

// age is how long ago a time was, or how far ahead it is, as dense tables have it.
func age(t, now time.Time) template.HTML {
	if t.IsZero() {
		return `<span class="soft">–</span>`
	}
	d := now.Sub(t)
	if d < 0 {
		return fromNow(t, "in "+brief(-d))
	}
	return fromNow(t, brief(d))
}

// brief is a duration in its largest unit, shortened.
func brief(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 730*day:
		return num(int(d/(365*day))) + " y"
	case d >= 90*day:
		return num(int(d/(30*day))) + " mo"
	case d >= day:
		return num(int(d/day)) + " d"
	case d >= time.Hour:
		return num(int(d/time.Hour)) + " h"
	}
	return num(int(d/time.Minute)) + " min"
}

func relative(t, now time.Time) string {
	d := now.Sub(t)
	if d < 0 {
		return "in " + span(-d)
	}
	if d < time.Minute {
		return "just now"
	}
	return span(d) + " ago"
}

// span is a duration in its largest unit.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	for _, u := range []struct {
		unit time.Duration
		from time.Duration
		name string
	}{{365 * day, 730 * day, "year"}, {30 * day, 60 * day, "month"}, {day, day, "day"}, {time.Hour, time.Hour, "hour"}, {time.Minute, time.Minute, "minute"}} {
		if d >= u.from {
			return count(int(d/u.unit), u.name)
		}
	}
	return "less than a minute"
}

// day is a date as in "3 Jul 2026", with the exact moment on hover.
func day(t time.Time) template.HTML {
	if t.IsZero() {
		return `<span class="soft">–</span>`
	}
	return timeTag(t, t.UTC().Format("2 Jan 2006"))
}

// at is the exact moment in UTC.
func at(t time.Time) template.HTML {
	if t.IsZero() {
		return `<span class="soft">–</span>`
	}
	return timeTag(t, t.UTC().Format("2 Jan 2006 15:04:05")+" UTC")
}

// num writes a number with thousands apart.
func num[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// count is a number and what it counts: "1 finding", "3 findings", "2 repositories".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if base, ok := strings.CutSuffix(noun, "y"); ok && !strings.HasSuffix(base, "a") && !strings.HasSuffix(base, "e") {
		return num(n) + " " + base + "ies"
	}
	if strings.HasSuffix(noun, "s") || strings.HasSuffix(noun, "x") || strings.HasSuffix(noun, "ch") {
		return num(n) + " " + noun + "es"
	}
	return num(n) + " " + noun + "s"
}

func size(n int64) string {
	switch {
	case n < 1<<10:
		return count(int(n), "byte")
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// every says how often something is expected.
func every(d time.Duration) string {
	switch {
	case d <= 0:
		return "not expected"
	case d == time.Hour:
		return "every hour"
	case d == 24*time.Hour:
		return "every day"
	case d == 7*24*time.Hour:
		return "every week"
	case d < 2*24*time.Hour && d%time.Hour == 0:
		return "every " + count(int(d/time.Hour), "hour")
	}
	return "every " + span(d)
}

// initials are at most two letters for a person.
func initials(name string) string {
	out := []rune{}
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == '.' || r == '@' || r == '-' }) {
		if out = append(out, []rune(strings.ToUpper(w))[0]); len(out) == 2 {
			break
		}
	}
	return string(out)
}

// short is the beginning of a digest or id, enough to recognise it by.
func short(id string) string {
	if len(id) <= 12 {
		return id
	}
	return id[:12]
}

// words of constants, where the constant itself is no good text.
func roleTitle(r seaworthy.Role) string {
	s := strings.ReplaceAll(string(r), "-", " ")
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func queryEscape(s string) string { return url.QueryEscape(s) }

// sentence is an error's text as a sentence of its own.
func sentence(s string) string {
	if s == "" {
		return s
	}
	first, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[size:]
	if strings.ContainsRune(".!?", rune(s[len(s)-1])) {
		return s
	}
	return s + "."
}

// stamp is a time in a file; the zero time is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// unhosted is the name of a source without the host of a repository, where space is scarce.
func unhosted(name string) string {
	if host, rest, ok := strings.Cut(name, "/"); ok && strings.Contains(host, ".") {
		return rest
	}
	return name
}

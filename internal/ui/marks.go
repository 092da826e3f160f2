// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"html/template"
)

// icons are drawn on 16 by 16 units with a line of 1.5.
var icons = map[string]string{
	"overview":    `<path d="M2.5 9.5 8 3l5.5 6.5M4 8v5h8V8"/>`,
	"findings":    `<path d="M8 1.8 14.4 13H1.6z"/><path d="M8 6.2v3.2M8 11.3v.1"/>`,
	"workload":    `<path d="m8 1.8 5.6 3.1v6.2L8 14.2l-5.6-3.1V4.9z"/><path d="M2.4 4.9 8 8l5.6-3.1M8 8v6.2"/>`,
	"check":       `<path d="M3 2.5h10v11H3z"/><path d="m5.5 8 1.8 1.8L10.8 6"/>`,
	"timeline":    `<path d="M4 2v12M4 4.5h9M4 8h6M4 11.5h8"/>`,
	"deploy":      `<path d="M8 13.5v-8M4.8 8.7 8 5.5l3.2 3.2M2.5 2.5h11"/>`,
	"source":      `<path d="M2 3h12v4H2zM2 9h12v4H2z"/><path d="M4.5 5h.1M4.5 11h.1"/>`,
	"waiver":      `<path d="M3.5 14V2.5M3.5 3h8l-1.8 2.8L11.5 8.5h-8"/>`,
	"requirement": `<path d="M3 2h7l3 3v9H3z"/><path d="M5.5 7h5M5.5 10h5"/>`,
	"control":     `<path d="M8 1.8 13.5 4v4c0 3.2-2.3 5.2-5.5 6.2C4.8 13.2 2.5 11.2 2.5 8V4z"/><path d="m5.8 8 1.6 1.6 2.9-3.1"/>`,
	"evidence":    `<path d="M2 5.5V13h12V5.5zM1.5 3h13v2.5h-13zM6.5 8h3"/>`,
	"calendar":    `<path d="M2.5 3.5h11v10h-11zM2.5 6.5h11M5.5 2v2.5M10.5 2v2.5"/>`,
	"list":        `<path d="M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.1M2.5 8h.1M2.5 12h.1"/>`,
	"log":         `<path d="M8 2.5v3M4.5 5.5h7M4.5 5.5v2M11.5 5.5v2"/><path d="M3 7.5h3v3H3zM10 7.5h3v3h-3zM4.5 10.5v3M11.5 10.5v3"/>`,
	"people":      `<circle cx="6" cy="5.5" r="2.5"/><path d="M1.5 13.5c.3-2.6 2-4 4.5-4s4.2 1.4 4.5 4M10.5 3.2a2.5 2.5 0 0 1 0 4.6M12 10c1.5.5 2.3 1.7 2.5 3.5"/>`,
	"token":       `<circle cx="5" cy="11" r="2.8"/><path d="m7 9 6-6M11 5l1.8 1.8M9.2 6.8l1.4 1.4"/>`,
	"owner":       `<path d="M2.5 2.5h5l6 6-5 5-6-6z"/><path d="M5.5 5.5h.1"/>`,
	"signon":      `<path d="M9 2.5h4.5v11H9M2 8h8M7 5l3 3-3 3"/>`,
	"retention":   `<path d="M3 4h10M4.5 4v9.5h7V4M6.5 2h3M6.8 6.8v4M9.2 6.8v4"/>`,
	"account":     `<circle cx="8" cy="5.5" r="3"/><path d="M2.5 14c.5-3 2.6-4.5 5.5-4.5s5 1.5 5.5 4.5"/>`,
	"program":     `<circle cx="8" cy="8" r="6"/><circle cx="8" cy="8" r="2.5"/>`,
	"view":        `<path d="M4 2.5h8v11L8 10.5l-4 3z"/>`,
	"keyboard":    `<path d="M1.5 4h13v8.5h-13zM4 6.8h.1M6.6 6.8h.1M9.3 6.8h.1M12 6.8h.1M4.5 9.8h7"/>`,
	"scope":       `<path d="M2.5 3h11L9.5 8.2v4.6l-3-1.6v-3z"/>`,
	"search":      `<circle cx="7" cy="7" r="4.5"/><path d="m10.5 10.5 3.5 3.5"/>`,
	"copy":        `<path d="M5.5 5.5h8v8h-8z"/><path d="M10.5 5.5v-3h-8v8h3"/>`,
	"download":    `<path d="M8 2.5v8M4.8 7.5 8 10.7l3.2-3.2M2.5 13.5h11"/>`,
	"up":          `<path d="m4.5 9.5 3.5-3.5 3.5 3.5"/>`,
	"down":        `<path d="m4.5 6.5 3.5 3.5 3.5-3.5"/>`,
	"updown":      `<path d="m5 6 3-3 3 3M5 10l3 3 3-3"/>`,
	"x":           `<path d="m4 4 8 8M12 4l-8 8"/>`,
	"plus":        `<path d="M8 3v10M3 8h10"/>`,
	"warn":        `<path d="M8 1.8 14.4 13H1.6z"/><path d="M8 6.2v3.2M8 11.3v.1"/>`,
	"info":        `<circle cx="8" cy="8" r="6"/><path d="M8 7.2v3.8M8 5v.1"/>`,
	"ok":          `<path d="m3.5 8.5 3 3 6-7"/>`,
	"clock":       `<circle cx="8" cy="8" r="6"/><path d="M8 4.5V8l2.5 1.5"/>`,
	"comment":     `<path d="M2.5 3h11v8h-6l-3 2.5V11h-2z"/>`,
	"link":        `<path d="M6.5 9.5 9.5 6.5M7 4.5l1.5-1.5a2.8 2.8 0 0 1 4 4L11 8.5M9 11.5 7.5 13a2.8 2.8 0 0 1-4-4L5 7.5"/>`,
	"menu":        `<path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11"/>`,
	"upload":      `<path d="M8 10.5v-8M4.8 5.7 8 2.5l3.2 3.2M2.5 13.5h11"/>`,
	"pen":         `<path d="m3 13 .6-2.8L10.8 3l2.2 2.2-7.2 7.2z"/>`,
	"again":       `<path d="M13 8a5 5 0 1 1-1.5-3.5L13 6M13 2.5V6H9.5"/>`,
	"out":         `<path d="M7 2.5H2.5v11H7M6 8h8M11 5l3 3-3 3"/>`,
	"theme":       `<circle cx="8" cy="8" r="5.5"/><path d="M8 2.5v11A5.5 5.5 0 0 0 8 2.5" class="f"/>`,
	"bell":        `<path d="M3 12h10l-1.3-2V7a3.7 3.7 0 0 0-7.4 0v3zM6.5 14h3"/>`,
	"rules":       `<path d="M2.5 3h6M2.5 8h4M2.5 13h6"/><path d="m9 8 1.8 1.8L14 6.2"/>`,
	"lock":        `<path d="M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5"/>`,
}

// icon draws a small picture that says nothing which the text beside it does not.
func icon(name string) (template.HTML, error) {
	path, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("there is no icon %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">` + path + `</svg>`), nil
}

// glyphs are the shapes of severities and states, on 14 by 14 units; each differs from
// the others without its colour. Class f is filled, k is cut out.
var glyphs = map[string]string{
	"critical": `<rect class="f" x="1" y="1" width="12" height="12" rx="3"/><path class="k" d="M6.2 3.2h1.6v4.6H6.2zM6.2 9.4h1.6V11H6.2z"/>`,
	"high":     `<path class="f" d="M1.5 9h2.6v4H1.5zM5.7 5.5h2.6V13H5.7zM9.9 1.5h2.6V13H9.9z"/>`,
	"medium":   `<path class="f" d="M1.5 9h2.6v4H1.5zM5.7 5.5h2.6V13H5.7z"/><path d="M10.5 2.2h1.4v10.2h-1.4z" stroke-width="1"/>`,
	"low":      `<path class="f" d="M1.5 9h2.6v4H1.5z"/><path d="M6.2 6.2h1.5v6.2H6.2zM10.5 2.2h1.4v10.2h-1.4z" stroke-width="1"/>`,
	"info":     `<circle cx="7" cy="7" r="5.5"/><path d="M7 6.5v3.3M7 4.1v.1"/>`,
	"ring":     `<circle cx="7" cy="7" r="5"/>`,
	"half":     `<circle cx="7" cy="7" r="5"/><path class="f" d="M7 3.5a3.5 3.5 0 0 1 0 7z"/>`,
	"done":     `<circle class="f" cx="7" cy="7" r="6"/><path class="k" d="m4.3 7.2 2 2 3.6-4.3" fill="none"/>`,
	"cross":    `<circle class="f" cx="7" cy="7" r="6"/><path class="k" d="m4.8 4.8 4.4 4.4M9.2 4.8 4.8 9.2" fill="none"/>`,
	"late":     `<circle cx="7" cy="7" r="5.5"/><path d="M7 4v3.2l2 1.2"/>`,
	"dash":     `<path d="M2.5 7h9"/>`,
	"dots":     `<circle cx="7" cy="7" r="5.5" stroke-dasharray="2.2 2.2"/>`,
	"ask":      `<circle cx="7" cy="7" r="5.5"/><path d="M5.5 5.6c0-2 3-2 3 0 0 1.2-1.5 1.2-1.5 2.3M7 10v.1"/>`,
	"gap":      `<circle cx="7" cy="7" r="5.5" stroke-dasharray="2.2 2.2"/><path d="M7 4.5V8M7 9.8v.1"/>`,
	"bang":     `<path d="M7 1.5 13 12H1z"/><path d="M7 5.5v2.7M7 10v.1"/>`,
}

// meaning is how a severity or state looks and what it is called.
type meaning struct{ glyph, class, word string }

var meanings = map[string]meaning{
	"critical": {"critical", "critical", "Critical"},
	"high":     {"high", "high", "High"},
	"medium":   {"medium", "medium", "Medium"},
	"low":      {"low", "low", "Low"},
	"info":     {"info", "info", "Info"},

	"open":    {"ring", "warn", "Open"},
	"waived":  {"half", "low", "Waived"},
	"fixed":   {"done", "good", "Fixed"},
	"overdue": {"late", "bad", "Overdue"},

	"expected":     {"dots", "none", "Expected"},
	"performed":    {"done", "good", "Performed"},
	"late":         {"late", "warn", "Late"},
	"missed":       {"cross", "bad", "Missed"},
	"not-required": {"dash", "none", "Not required"},
	"gap":          {"gap", "warn", "Gap"},
	"as expected":  {"done", "good", "As expected"},
	"deviation":    {"bang", "bad", "Deviation"},

	"requested": {"ask", "warn", "Requested"},
	"approved":  {"done", "good", "Approved"},
	"rejected":  {"cross", "bad", "Rejected"},
	"revoked":   {"cross", "none", "Revoked"},
	"expired":   {"late", "none", "Expired"},

	"passed":         {"done", "good", "Passed"},
	"failed":         {"cross", "bad", "Failed"},
	"not-applicable": {"dash", "none", "Not applicable"},
	"not-evaluated":  {"gap", "warn", "Not evaluated"},
	"provider":       {"half", "low", "Provider’s"},
	"error":          {"bang", "bad", "Error"},

	"reporting":  {"done", "good", "Reporting"},
	"silent":     {"gap", "bad", "Silent"},
	"never":      {"dots", "warn", "Never reported"},
	"incomplete": {"half", "warn", "Incomplete"},
	"undeclared": {"ask", "warn", "Not declared"},
	"retired":    {"dash", "none", "Retired"},
	"complete":   {"done", "good", "Complete"},

	"alive":        {"done", "good", "Heard of"},
	"unheard":      {"dots", "warn", "Never heard of"},
	"works":        {"done", "good", "Works"},
	"broken":       {"cross", "bad", "Broken"},
	"not observed": {"dash", "none", "Not observed"},
	"agent":        {"gap", "bad", "Agent silent"},
	"watch":        {"gap", "warn", "Not watched"},
	"webhook":      {"gap", "warn", "Webhook not reached"},
	"audit":        {"gap", "warn", "Audit events missing"},
	"messages":     {"gap", "warn", "Messages missing"},

	"needs you":    {"bang", "bad", "Needs you"},
	"deviated":     {"half", "warn", "Deviated in the past"},
	"not due yet":  {"dots", "low", "Not due yet"},
	"not required": {"dash", "none", "Not required"},
	"no data":      {"gap", "warn", "No data"},

	"verified":    {"done", "good", "Verified"},
	"claimed":     {"half", "low", "Claimed"},
	"out-of-band": {"bang", "bad", "Out of band"},
	"controller":  {"dash", "none", "Controller’s own"},

	"saw it":          {"done", "good", "Saw it"},
	"did not see it":  {"cross", "bad", "Did not see it"},
	"not shown there": {"dash", "none", "Is not shown it"},

	"pending":   {"dots", "none", "On its way"},
	"delivered": {"done", "good", "Delivered"},
	"unreached": {"cross", "bad", "Takes nothing"},

	"out":      {"dash", "none", "Out of scope"},
	"current":  {"done", "good", "Current"},
	"stale":    {"late", "warn", "Stale"},
	"intact":   {"done", "good", "Intact"},
	"altered":  {"cross", "bad", "Altered"},
	"active":   {"done", "good", "Active"},
	"disabled": {"dash", "none", "Disabled"},
	"erased":   {"dash", "none", "Erased"},
	"closed":   {"lock", "none", "Closed"},
	"running":  {"half", "accent", "Under way"},
	"upcoming": {"dots", "none", "Not begun"},
}

// mark is a severity or state as shape and word. It takes any string type, for those of
// the domain are many.
func mark(v any) template.HTML {
	key := fmt.Sprint(v)
	m, ok := meanings[key]
	if !ok {
		return template.HTML(`<span class="mark c-none">` + template.HTMLEscapeString(key) + `</span>`)
	}
	return template.HTML(`<span class="mark c-` + m.class + `"><svg viewBox="0 0 14 14" aria-hidden="true">` + glyphs[m.glyph] + `</svg>` + m.word + `</span>`)
}

// glyph is the shape of a severity or state without its word, which stands beside it.
func glyph(v any) template.HTML {
	m := meanings[fmt.Sprint(v)]
	return template.HTML(`<svg viewBox="0 0 14 14" aria-hidden="true">` + glyphs[m.glyph] + `</svg>`)
}

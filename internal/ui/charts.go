// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Charts are laid out here and drawn by partials/charts.html. Every one has a title, a
// description and the numbers it shows as a table behind it; axes begin at zero.

// shape is a rectangle of a chart, with what it says when pointed at.
type shape struct {
	X, Y, W, H float64
	Class      string
	Title      string
	Href       string
	Glyph      string // of the mark drawn in its middle
}

// label is a text of a chart.
type label struct {
	X, Y   float64
	Anchor string // start, middle, end
	Text   string
}

// trend is one or two lines over days.
type trend struct {
	ID, Title, Desc string
	W, H            float64
	Lines           []line
	Grid            []label // one for each horizontal line, its Y in Y
	Marks           []label // along the bottom
	Left, Bottom    float64
	Head            []string
	Rows            [][]string
}

type line struct {
	Name, Class, D, Area string
	Last                 label
}

// series is what a line shows: a number for each day.
type series struct {
	Name, Class string
	Values      []int
}

// newTrend lays out lines over the days that begin at from.
func newTrend(id, title, unit string, from time.Time, all ...series) *trend {
	const w, h, left, right, top, bottom = 640, 180, 36, 12, 10, 22
	n, most := 0, 0
	for _, s := range all {
		n = max(n, len(s.Values))
		for _, v := range s.Values {
			most = max(most, v)
		}
	}
	if n < 2 {
		return nil
	}
	step := niceStep(most)
	ceiling := max(step, (most+step-1)/step*step)
	x := func(i int) float64 { return left + float64(i)*(w-left-right)/float64(n-1) }
	y := func(v int) float64 { return h - bottom - float64(v)*(h-top-bottom)/float64(ceiling) }
	t := &trend{ID: id, Title: title, W: w, H: h, Left: left, Bottom: h - bottom, Head: []string{"Day"}}
	for v := 0; v <= ceiling; v += step {
		t.Grid = append(t.Grid, label{left - 8, round(y(v)), "end", num(v)})
	}
	marks := min(5, n)
	for k := range marks {
		i := k * (n - 1) / max(1, marks-1)
		anchor := "middle"
		if k == marks-1 {
			anchor = "end"
		} else if k == 0 {
			anchor = "start"
		}
		t.Marks = append(t.Marks, label{round(x(i)), h - 4, anchor, from.AddDate(0, 0, i).UTC().Format("2 Jan")})
	}
	var desc []string
	for _, s := range all {
		var d strings.Builder
		for i, v := range s.Values {
			fmt.Fprintf(&d, "%c%.1f %.1f", "ML"[min(i, 1)], x(i), y(v))
		}
		l := line{Name: s.Name, Class: s.Class, D: d.String()}
		l.Area = fmt.Sprintf("%sL%.1f %.1fL%.1f %.1fZ", l.D, x(len(s.Values)-1), y(0), x(0), y(0))
		t.Lines = append(t.Lines, l)
		t.Head = append(t.Head, s.Name)
		if len(s.Values) > 0 {
			desc = append(desc, fmt.Sprintf("%s: from %s to %s %s", s.Name, num(s.Values[0]), num(s.Values[len(s.Values)-1]), unit))
		}
	}
	t.Desc = strings.Join(desc, "; ") + "."
	for i := n - 1; i >= 0; i-- {
		row := []string{from.AddDate(0, 0, i).UTC().Format("2 Jan 2006")}
		for _, s := range all {
			if i < len(s.Values) {
				row = append(row, num(s.Values[i]))
			} else {
				row = append(row, "–")
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// niceStep is 1, 2 or 5 times a power of ten so that about four lines reach most.
func niceStep(most int) int {
	if most < 4 {
		return 1
	}
	p := int(math.Pow(10, math.Floor(math.Log10(float64(most)/4))))
	for _, m := range []int{1, 2, 5, 10} {
		if p*m*4 >= most {
			return max(1, p*m)
		}
	}
	return p * 10
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

// stack is one bar of parts of a whole.
type stack struct {
	Title  string
	Shapes []shape
}

// part is a share of a stack.
type part struct {
	N           int
	Class, Name string
}

// newStack lays parts side by side on 100 units.
func newStack(title string, parts ...part) stack {
	s := stack{Title: title}
	sum := 0
	for _, p := range parts {
		sum += p.N
	}
	x := 0.0
	for _, p := range parts {
		if p.N == 0 {
			continue
		}
		w := float64(p.N) * 100 / float64(sum)
		s.Shapes = append(s.Shapes, shape{X: round(x), W: round(w), Class: p.Class, Title: count(p.N, "control") + " " + p.Name})
		x += w
	}
	return s
}

// strip is a control's occurrences in the order of their windows.
type strip struct {
	ID, Title, Desc string
	W, H            float64
	Shapes          []shape
	Marks           []label
	Counts          []stateCount
}

type stateCount struct {
	State string
	N     int
}

// window is what a strip shows of an occurrence.
type window struct {
	From, To time.Time
	State    string // a key of meanings
	Title    string
	Href     string
}

// newStrip lays windows along the time from–to. A window is drawn as long as it lasts;
// where there is room it bears its state's shape.
func newStrip(id, title string, from, to time.Time, windows []window) *strip {
	const w, h = 800, 34
	s := &strip{ID: id, Title: title, W: w, H: h + 18}
	whole := to.Sub(from).Hours()
	if whole <= 0 {
		return nil
	}
	x := func(t time.Time) float64 {
		return math.Min(w, math.Max(0, t.Sub(from).Hours()/whole*w))
	}
	counts := map[string]int{}
	for _, o := range windows {
		counts[o.State]++
		a, b := x(o.From), x(o.To)
		gap := 2.0
		if b-a < 8 {
			gap = 0.8
		}
		sh := shape{X: round(a), Y: 0, W: round(math.Max(1, b-a-gap)), H: h, Class: "c-" + meanings[o.State].class, Title: o.Title, Href: o.Href}
		sh.Glyph = o.State
		s.Shapes = append(s.Shapes, sh)
	}
	for _, m := range monthsIn(from, to) {
		s.Marks = append(s.Marks, label{round(x(m)), h + 14, "start", m.Format("Jan")})
	}
	var desc []string
	for _, state := range []string{"performed", "deviation", "late", "missed", "gap", "expected", "not-required"} {
		if n := counts[state]; n > 0 {
			s.Counts = append(s.Counts, stateCount{state, n})
			desc = append(desc, fmt.Sprintf("%d %s", n, strings.ToLower(meanings[state].word)))
		}
	}
	s.Desc = strings.Join(desc, ", ") + "."
	return s
}

// Middle is where a shape's mark stands.
func (s shape) Middle() string {
	return fmt.Sprintf("translate(%.1f %.1f)", s.X+s.W/2, s.Y+s.H/2)
}

// Wide tells whether a mark has room in the shape.
func (s shape) Wide() bool { return s.W >= 18 }

// monthsIn gives the firsts of the months in an interval, no more than 14 of them.
func monthsIn(from, to time.Time) []time.Time {
	var out []time.Time
	step := 1 + int(to.Sub(from).Hours()/24/30/14)
	for m := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); m.Before(to); m = m.AddDate(0, step, 0) {
		if !m.Before(from) {
			out = append(out, m)
		}
	}
	return out
}

// spans is when one thing was as it should be and when not: a bar for each of its checks.
type spans struct {
	ID, Title string
	W, H      float64
	Rows      []spanRow
	Marks     []label
}

type spanRow struct {
	Y      float64
	Name   string
	Href   string
	Shapes []shape
}

// interval is one stretch of a bar.
type interval struct {
	From, To time.Time
	Class    string
	Title    string
}

// newSpans lays intervals of each row along the time from–to.
func newSpans(id, title string, from, to time.Time, names, hrefs []string, rows [][]interval) *spans {
	const w, left, pitch = 800, 250, 26
	s := &spans{ID: id, Title: title, W: w, H: float64(len(rows)*pitch + 20)}
	whole := to.Sub(from).Hours()
	if whole <= 0 || len(rows) == 0 {
		return nil
	}
	x := func(t time.Time) float64 {
		return left + math.Min(w-left, math.Max(0, t.Sub(from).Hours()/whole*(w-left)))
	}
	for i, row := range rows {
		r := spanRow{Y: float64(i*pitch) + 4, Name: names[i], Href: hrefs[i]}
		for _, iv := range row {
			a, b := x(iv.From), x(iv.To)
			r.Shapes = append(r.Shapes, shape{X: round(a), Y: r.Y, W: round(math.Max(2, b-a)), H: 16, Class: iv.Class, Title: iv.Title})
		}
		s.Rows = append(s.Rows, r)
	}
	for _, m := range monthsIn(from, to) {
		s.Marks = append(s.Marks, label{round(x(m)), s.H - 4, "start", m.Format("Jan")})
	}
	return s
}

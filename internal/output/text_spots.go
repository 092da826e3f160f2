// SPDX-License-Identifier: Apache-2.0

package output

import (
	"slices"
	"strconv"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// spot is where a check failed: one finding, or several of one object that have nothing
// more to say than where they are.
type spot struct {
	object, file, origin string
	containers           []string
	lines                []string
	message, request     string
	findings             int
}

// spots gives the open findings of a group, put together where they are neighbours,
// until f returns false.
func (x *text) spots(g *group, messages bool, f func(*spot) bool) error {
	var last *spot
	stopped := false
	err := x.each(g, open, func(found *seaworthy.Finding) bool {
		s := &spot{
			object: clean(found.Object.String()), file: found.File, origin: found.Origin,
			request: found.WaiverRequested, findings: 1,
		}
		if messages {
			s.message = clean(says(found, g.check.Title))
		}
		if found.Container != "" {
			s.containers = []string{clean(found.Container)}
		}
		if found.Line > 0 {
			s.lines = []string{strconv.Itoa(found.Line)}
		}
		if last != nil && last.joins(s) {
			return true
		}
		if last != nil && !f(last) {
			stopped = true
			return false
		}
		last = s
		return true
	})
	if last != nil && !stopped {
		f(last)
	}
	return err
}

// joins takes another spot in, where nothing is lost by that.
func (s *spot) joins(o *spot) bool {
	const most = 6
	if s.object != o.object || s.file != o.file || s.origin != o.origin || len(s.lines) == most ||
		s.message+o.message+s.request+o.request != "" || len(s.containers) != 0 != (len(o.containers) != 0) {
		return false
	}
	for _, c := range o.containers {
		if !slices.Contains(s.containers, c) {
			s.containers = append(s.containers, c)
		}
	}
	for _, l := range o.lines {
		if !slices.Contains(s.lines, l) {
			s.lines = append(s.lines, l)
		}
	}
	s.findings += o.findings
	return true
}

func (s *spot) who() string {
	if len(s.containers) == 0 {
		return s.object
	}
	return s.object + " (" + strings.Join(s.containers, ", ") + ")"
}

// where is the place of the first finding, as editors take it, and the lines of the
// others.
func (s *spot) where() string {
	if len(s.lines) == 0 {
		return place(&seaworthy.Finding{File: s.file, Origin: s.origin})
	}
	first, _ := strconv.Atoi(s.lines[0])
	where := place(&seaworthy.Finding{File: s.file, Origin: s.origin, Line: first})
	if len(s.lines) == 1 {
		return where
	}
	name := at(s.file, first)
	return name + ", " + strings.Join(s.lines[1:], ", ") + strings.TrimPrefix(where, name)
}

// spot shows one spot.
func (x *text) spot(s *spot, n, objects int) {
	x.place(s.who(), s.where(), n, objects)
	lines := wrap(s.message, min(x.t.width, 100)-n-2)
	for i, l := range lines {
		if i == 2 && !x.o.All && len(lines) > 3 {
			x.t.line(n+2, span{"…", faint})
			break
		}
		x.t.line(n+2, span{l, faint})
	}
	if s.request != "" {
		x.t.prose(n+2, span{"waiver requested: ", faint}, s.request, faint)
	}
}

// place shows what failed and where. The place stands beside the object where both fit,
// else below it: whole, so that it can be clicked or copied.
func (x *text) place(object, where string, n, objects int) {
	object, where = clipMiddle(clean(object), x.t.width-n), clean(where)
	switch {
	case where == "":
		x.t.line(n, span{object, ""})
	case n+max(objects, width(object))+2+width(where) <= x.t.width:
		x.t.line(n, span{pad(object, objects), ""}, span{"  " + where, faint})
	default:
		x.t.line(n, span{object, ""})
		x.t.line(n+2, span{clipStart(where, max(20, x.t.width-n-2)), faint})
	}
}

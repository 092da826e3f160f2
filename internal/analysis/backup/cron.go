// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// words are the schedules that cron and Kasten know by name.
var words = map[string]time.Duration{
	"@hourly": time.Hour, "@daily": 24 * time.Hour, "@midnight": 24 * time.Hour, "@weekly": 7 * 24 * time.Hour,
	"@monthly": 31 * 24 * time.Hour, "@yearly": 366 * 24 * time.Hour, "@annually": 366 * 24 * time.Hour,
}

// longestGap is the longest time between two runs of schedules that work together.
func longestGap(when []string) (time.Duration, error) {
	shortest := time.Duration(0)
	for _, w := range when {
		gap, err := gapOf(strings.TrimSpace(w))
		if err != nil {
			return 0, err
		}
		if shortest == 0 || gap < shortest {
			shortest = gap
		}
	}
	return shortest, nil
}

func gapOf(when string) (time.Duration, error) {
	if d, ok := words[when]; ok {
		return d, nil
	}
	if every, ok := strings.CutPrefix(when, "@every "); ok {
		return time.ParseDuration(strings.TrimSpace(every))
	}
	if rest, ok := strings.CutPrefix(when, "CRON_TZ="); ok {
		_, when, _ = strings.Cut(rest, " ")
	}
	c, err := parseCron(when)
	if err != nil {
		return 0, err
	}
	return c.gap()
}

// cron is an expression of five fields: which minutes, hours, days of the month, months
// and days of the week it names, and whether a day field names all days.
type cron struct {
	minutes, hours, days, months, weekdays uint64
	everyDay, everyWeekday                 bool
}

var (
	monthNames   = []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

func parseCron(text string) (*cron, error) {
	fields := strings.Fields(text)
	if len(fields) == 6 {
		fields = fields[1:] // seconds
	}
	if len(fields) != 5 {
		return nil, fmt.Errorf("schedule %q does not have five fields", text)
	}
	c := &cron{everyDay: fields[2] == "*" || fields[2] == "?", everyWeekday: fields[4] == "*" || fields[4] == "?"}
	for i, f := range []struct {
		into     *uint64
		min, max int
		names    []string
	}{
		{&c.minutes, 0, 59, nil}, {&c.hours, 0, 23, nil}, {&c.days, 1, 31, nil},
		{&c.months, 1, 12, monthNames}, {&c.weekdays, 0, 7, weekdayNames},
	} {
		bits, err := parseField(fields[i], f.min, f.max, f.names)
		if err != nil {
			return nil, fmt.Errorf("schedule %q: %w", text, err)
		}
		*f.into = bits
	}
	if c.weekdays&(1<<7) != 0 {
		c.weekdays |= 1 // Sunday is 0 and 7
	}
	return c, nil
}

// parseField reads a list of values, ranges and steps into a set of bits.
func parseField(text string, low, high int, names []string) (uint64, error) {
	var bits uint64
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 {
				return 0, fmt.Errorf("step %q is not a positive number", stepText)
			}
			step = n
		}
		from, to := low, high
		if span != "*" && span != "?" {
			first, last, isRange := strings.Cut(span, "-")
			var err error
			if from, err = parseValue(first, low, high, names); err != nil {
				return 0, err
			}
			switch {
			case isRange:
				if to, err = parseValue(last, low, high, names); err != nil {
					return 0, err
				}
			case !stepped:
				to = from
			}
		}
		for v := from; v <= to; v += step {
			bits |= 1 << v
		}
	}
	return bits, nil
}

func parseValue(text string, low, high int, names []string) (int, error) {
	for i, name := range names {
		if name != "" && strings.EqualFold(name, text) {
			return i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is not a number from %d to %d", text, low, high)
	}
	return n, nil
}

// gap finds the longest time between two runs in the days of two years, one of them a
// leap year.
func (c *cron) gap() (time.Duration, error) {
	start := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	var last time.Time
	var longest time.Duration
	for day := start; day.Before(start.AddDate(2, 0, 0)); day = day.AddDate(0, 0, 1) {
		if !c.runsOn(day) {
			continue
		}
		for h := range 24 {
			if c.hours&(1<<h) == 0 {
				continue
			}
			for m := range 60 {
				if c.minutes&(1<<m) == 0 {
					continue
				}
				at := day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
				if !last.IsZero() {
					longest = max(longest, at.Sub(last))
				}
				last = at
			}
		}
	}
	if longest == 0 {
		return 0, fmt.Errorf("it runs at most once in two years")
	}
	return longest, nil
}

// runsOn: where both day fields are restricted, one of them is enough.
func (c *cron) runsOn(day time.Time) bool {
	if c.months&(1<<int(day.Month())) == 0 {
		return false
	}
	byDay, byWeekday := c.days&(1<<day.Day()) != 0, c.weekdays&(1<<int(day.Weekday())) != 0
	if !c.everyDay && !c.everyWeekday {
		return byDay || byWeekday
	}
	return byDay && byWeekday
}

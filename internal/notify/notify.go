// SPDX-License-Identifier: Apache-2.0

// Package notify decides who is told what and when, and tells them: Slack, Microsoft
// Teams, signed webhooks, e-mail.
//
// A notice is planned into deliveries by rules; what is urgent goes at once, whatever
// rules say of digests and quiet hours. A delivery is tried until it arrives or is given
// up after days, and each attempt leaves its trace: at least once, never silently never.
//
// Nothing here reads a database: the server keeps deliveries in its store and the agent in
// a file, so that a server that was stopped does not silence the agent.
package notify

import (
	"path"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Planned is a notice on its way to a destination, by the rule that sent it.
type Planned struct {
	Destination, Rule string
	// At is when it may go: the time of the plan, the end of quiet hours, the hour of the
	// digest. What has the same Digest key goes in one message.
	At     time.Time
	Digest string
}

// DigestHour is when digests go out, in the zone of their rule.
const DigestHour = 8

// Plan says where a notice goes and when. Each destination gets it once, by the first rule
// that wants it there soonest.
func Plan(n *seaworthy.Notice, rules []seaworthy.NoticeRule, now time.Time) []Planned {
	var out []Planned
	for i := range rules {
		r := &rules[i]
		if !Wants(r, n) {
			continue
		}
		at, digest := when(r, n.Urgent(), now)
		for _, d := range r.Destinations {
			p := Planned{Destination: d, Rule: r.ID, At: at, Digest: digest}
			if k := slices.IndexFunc(out, func(o Planned) bool { return o.Destination == d }); k < 0 {
				out = append(out, p)
			} else if at.Before(out[k].At) {
				out[k] = p
			}
		}
	}
	return out
}

// Wants tells whether a rule wants a notice.
func Wants(r *seaworthy.NoticeRule, n *seaworthy.Notice) bool {
	if n.Kind == seaworthy.NoticeDestinations {
		return false // goes where it was asked for
	}
	any := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return (len(r.Kinds) == 0 || slices.ContainsFunc(n.Kinds(), func(k seaworthy.NoticeKind) bool { return slices.Contains(r.Kinds, k) })) &&
		any(r.Sources, n.SourceID) && any(r.Teams, n.Team) &&
		(r.Severity == "" || n.Severity == "" || n.Severity.Rank() <= r.Severity.Rank()) &&
		(len(r.Namespaces) == 0 || slices.ContainsFunc(r.Namespaces, func(p string) bool {
			ok, err := path.Match(p, n.Namespace)
			return ok && err == nil
		}))
}

// when says from when on a notice may go out by a rule.
func when(r *seaworthy.NoticeRule, urgent bool, now time.Time) (time.Time, string) {
	if urgent {
		return now, ""
	}
	zone := location(r.Zone)
	switch r.Digest {
	case seaworthy.DigestDaily:
		at := next(now.In(zone), -1)
		return at, r.ID + at.Format(" 2006-01-02")
	case seaworthy.DigestWeekly:
		at := next(now.In(zone), time.Monday)
		return at, r.ID + at.Format(" 2006-01-02")
	}
	return afterQuiet(r, now.In(zone)), ""
}

func location(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil { // held to by Validate; a zone may still be missing on another machine
		return time.UTC
	}
	return zone
}

// next is the next hour of digests, on a weekday or on any (-1).
func next(now time.Time, day time.Weekday) time.Time {
	at := time.Date(now.Year(), now.Month(), now.Day(), DigestHour, 0, 0, 0, now.Location())
	for !at.After(now) || day >= 0 && at.Weekday() != day {
		at = time.Date(at.Year(), at.Month(), at.Day()+1, DigestHour, 0, 0, 0, now.Location())
	}
	return at
}

// afterQuiet is now, or the end of the quiet hours that it lies in.
func afterQuiet(r *seaworthy.NoticeRule, now time.Time) time.Time {
	minute := now.Hour()*60 + now.Minute()
	end := func(days int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()+days, r.QuietTo/60, r.QuietTo%60, 0, 0, now.Location())
	}
	switch from, to := r.QuietFrom, r.QuietTo; {
	case from < to && minute >= from && minute < to, from > to && minute < to:
		return end(0)
	case from > to && minute >= from:
		return end(1)
	}
	return now
}

// Validate says what is wrong with a rule.
func Validate(r *seaworthy.NoticeRule) error {
	switch {
	case r.Name == "":
		return seaworthy.Invalid("a rule for notices needs a name")
	case len(r.Destinations) == 0:
		return seaworthy.Invalid("rule %s names no destination", r.Name)
	case r.Digest != seaworthy.DigestNone && r.Digest != seaworthy.DigestDaily && r.Digest != seaworthy.DigestWeekly:
		return seaworthy.Invalid("rule %s: %q is not a digest: daily, weekly, or none", r.Name, r.Digest)
	case r.QuietFrom < 0 || r.QuietFrom >= 24*60 || r.QuietTo < 0 || r.QuietTo >= 24*60:
		return seaworthy.Invalid("rule %s: quiet hours are minutes of the day, from 0 to 1439", r.Name)
	}
	if _, err := time.LoadLocation(r.Zone); err != nil {
		return seaworthy.Invalid("rule %s: there is no time zone %q", r.Name, r.Zone)
	}
	for _, k := range r.Kinds {
		if !slices.Contains(seaworthy.NoticeKinds, k) {
			return seaworthy.Invalid("rule %s: there is no notice %q", r.Name, k)
		}
	}
	for _, p := range r.Namespaces {
		if _, err := path.Match(p, ""); err != nil {
			return seaworthy.Invalid("rule %s has a malformed pattern %q", r.Name, p)
		}
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package kubeaudit

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// The annotations in which admission says what it found. A webhook's are below its name, a
// policy's below the name of the policy; the last is the API server's own, of the first
// policy that fails and is bound to be audited.
const (
	ofJudge, ofWatch  = "judge.seaworthy.dev/", "watch.seaworthy.dev/"
	ofPolicies        = "seaworthy-"
	offending         = "/offending"
	modeOf            = "/mode"
	errorOf           = "error"
	validationFailure = "validation.policy.admission.k8s.io/validation_failure"
)

// refusal is what the API server answers where a policy refuses a request: it names the
// first one that does. No name of an object holds a quote.
var refusal = regexp.MustCompile(`(?s)^[^']* is forbidden: ValidatingAdmissionPolicy '([^']+)'(?: with binding '[^']*')? denied request: (.*)$`)

// refused tells whether a ValidatingAdmissionPolicy refused the request. It is not always
// answered with Forbidden: the policy names the reason.
func (e *event) refused() bool {
	return e.ResponseStatus != nil && refusal.MatchString(e.ResponseStatus.Message)
}

// judged gathers what admission said of a request, at any door.
func (e *event) judged() []seaworthy.Judgement {
	var out []seaworthy.Judgement
	policies := map[string]*seaworthy.Judgement{}
	policy := func(name string) *seaworthy.Judgement {
		if policies[name] == nil {
			policies[name] = &seaworthy.Judgement{Door: seaworthy.DoorPolicy, Check: strings.TrimPrefix(name, ofPolicies)}
		}
		return policies[name]
	}
	for _, key := range slices.Sorted(maps.Keys(e.Annotations)) {
		value := e.Annotations[key]
		if check, ok := ofWebhook(key); ok && strings.HasPrefix(check, changes.ReviewNote) {
			continue
		} else if ok {
			out = append(out, webhookJudged(check, value))
		} else if name, ok := strings.CutSuffix(key, offending); ok && strings.HasPrefix(name, ofPolicies) && value != "" {
			j := policy(name)
			j.Items, j.Mode = strings.Split(value, "; "), e.Annotations[name+modeOf]
		}
	}
	for _, f := range e.failures() {
		j := policy(f.Policy)
		if len(j.Items) == 0 {
			j.Items = []string{f.Message}
		}
		if j.Mode == "" {
			j.Mode = gravest(f.ValidationActions)
		}
	}
	if e.ResponseStatus != nil {
		if m := refusal.FindStringSubmatch(e.ResponseStatus.Message); m != nil {
			j := policy(m[1])
			j.Mode = "deny"
			if len(j.Items) == 0 {
				j.Items = []string{m[2]}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		out = append(out, *policies[name])
	}
	if j := e.impersonation(); j != nil {
		out = append(out, *j)
	}
	return out
}

// failedOpen begins the annotations by which the API server says that it let a request
// through although a webhook, which is the value, did not answer.
const failedOpen = "failed-open.validating.webhook.admission.k8s.io/"

// reviews lists the reviews that the product's webhook says were made of the request, and
// tells whether it surely was asked nothing: not where it may have been asked without its
// answer having arrived, and not of a deletion, of which it says nothing.
func (e *event) reviews(o *changes.Observation) (list []string, unasked bool, unanswered time.Time) {
	unasked = o.Outcome == seaworthy.OutcomePersisted || o.Outcome == seaworthy.OutcomeConnected
	for key, value := range e.Annotations {
		if note, ok := ofWebhook(key); ok {
			if uid, ok := strings.CutPrefix(note, changes.ReviewNote); ok {
				list = append(list, uid)
			}
		} else if strings.HasPrefix(key, failedOpen) && (value+"/" == ofJudge || value+"/" == ofWatch) {
			unasked, unanswered = false, e.StageTimestamp
		}
	}
	slices.Sort(list)
	unasked = unasked && len(list) == 0 && !e.Partial && o.Verb != seaworthy.VerbDelete && o.Verb != seaworthy.VerbRead
	return list[:min(len(list), maxReviews)], unasked, unanswered
}

// maxReviews bounds what is kept of a request that was tried again and again.
const maxReviews = 20

func ofWebhook(key string) (check string, ok bool) {
	if check, ok = strings.CutPrefix(key, ofJudge); ok {
		return check, true
	}
	return strings.CutPrefix(key, ofWatch)
}

// webhookJudged reads an annotation of the product's own webhook: the mode, and then an
// error or what is at fault, each after a semicolon.
func webhookJudged(check, value string) seaworthy.Judgement {
	j := seaworthy.Judgement{Door: seaworthy.DoorWebhook, Check: check}
	if check == errorOf {
		j.Check, j.Error = "", value
		return j
	}
	words := strings.Split(value, "; ")
	j.Mode, _, _ = strings.Cut(words[0], " ")
	var waived []string
	for i, w := range words[1:] {
		if text, ok := strings.CutPrefix(w, "error: "); ok && i == 0 {
			j.Error = text
		} else if text, ok := strings.CutSuffix(w, " (waived)"); ok {
			waived = append(waived, text)
		} else {
			j.Items = append(j.Items, w)
		}
	}
	if j.Error == "" && len(j.Items) == 0 {
		j.Items, j.Waived = waived, len(waived) > 0
	}
	return j
}

// failure is what the API server says of a policy that failed.
type failure struct {
	Message           string   `json:"message"`
	Policy            string   `json:"policy"`
	ValidationActions []string `json:"validationActions"`
}

func (e *event) failures() []failure {
	var out []failure
	if json.Unmarshal([]byte(e.Annotations[validationFailure]), &out) != nil {
		return nil
	}
	return slices.DeleteFunc(out, func(f failure) bool { return f.Policy == "" })
}

// gravest gives the mode of a policy that is bound with some actions.
func gravest(actions []string) string {
	for _, a := range []string{"Deny", "Warn", "Audit"} {
		if slices.Contains(actions, a) {
			return strings.ToLower(a)
		}
	}
	return ""
}

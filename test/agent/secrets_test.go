// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

const secrets = "/api/v1/namespaces/" + namespace + "/secrets"

// TestItsOwnSecretsAreWatched has an administrator delete the webhook's configuration and
// change what the agent works with, where there are no audit events either and the agent may
// not list Secrets: the watch alone tells of it, and of no other Secret.
func TestItsOwnSecretsAreWatched(t *testing.T) {
	t.Parallel()
	w := enter(t, audited(auditOff))
	r := w.agent("one")
	w.ready(r)
	w.heard()
	jane, credentials := w.admin(), credentialsOf(name)
	w.until("it may do what it needs, and nothing else", time.Minute, func() error {
		text, err := get("http://" + r.health + "/metrics")
		for _, line := range []string{"seaworthy_agent_rights_excess 0", "seaworthy_agent_rights_lacking 0"} {
			if err == nil && !strings.Contains(text, line) {
				err = fmt.Errorf("the metrics do not say %s", line)
			}
		}
		return err
	})
	was := jane.must(http.MethodGet, secrets+"/"+credentials, nil)
	w.door.cut() // the agent puts its configuration back, and is not asked for all that
	w.unasked()
	began := time.Now()
	jane.must(http.MethodDelete, hooks+"/"+name, nil)
	const stolen = "https://hooks.example.com/somebody-elses"
	jane.must(http.MethodPatch, secrets+"/"+credentials, object{"stringData": object{"url": stolen}})
	jane.must(http.MethodPatch, secrets+"/"+credentials, object{"data": was["data"]})
	jane.must(http.MethodPatch, secrets+"/"+name+"-key", object{"stringData": object{"more": stolen}})
	jane.must(http.MethodPost, secrets, called("v1", "Secret", namespace, "nobodys", object{"stringData": object{"url": stolen}}))
	jane.must(http.MethodDelete, secrets+"/"+credentials, nil)
	w.until("each change of the credentials is on record, as the watch saw it", time.Minute, func() error {
		list := w.of("Secret", namespace, credentials)
		return errors.Join(w.unseen(list, "update", "update", "delete"), digests(list))
	})
	w.until("so is that of the key", time.Minute, func() error {
		return w.unseen(w.of("Secret", namespace, name+"-key"), "update")
	})
	w.until("the server and the agent tell of it", 2*time.Minute, func() error {
		for _, r := range []*receiver{w.told, w.receiver} {
			for _, what := range []string{"changed " + namespace + "/Secret/" + credentials, "deleted " + namespace + "/Secret/" + credentials, "changed " + namespace + "/Secret/" + name + "-key"} {
				if len(r.got(seaworthy.NoticeOwnConfig, what)) == 0 {
					return fmt.Errorf("nothing of %q; the server told:\n%s\nthe agent told:\n%s", what, w.told.all(), w.receiver.all())
				}
			}
		}
		return nil
	})
	if list := w.of("Secret", namespace, "nobodys"); len(list) > 0 {
		t.Errorf("a Secret that the agent is not told of is on record:\n%s", told1(list))
	}
	w.until("that the webhook was away is on record", time.Minute, func() error {
		if w.gap("webhook", "", began.Add(-5*time.Minute)) == nil {
			return errNotYet
		}
		return nil
	})
	w.nowhere(stolen, w.receiver.URL+slackPath)
	w.door.join()
	w.ready(r)
	w.intact()
}

// beats wants a heartbeat of which something holds.
func (w *world) beats(holds func(*seaworthy.Heartbeat) bool) error {
	var page struct {
		Items []struct{ Instances []seaworthy.Heartbeat }
	}
	if err := w.server.Try(http.MethodGet, "/api/v1/agents", nil, &page); err != nil {
		return err
	}
	for _, a := range page.Items {
		if slices.ContainsFunc(a.Instances, func(h seaworthy.Heartbeat) bool { return holds(&h) }) {
			return nil
		}
	}
	return fmt.Errorf("heartbeats: %+v", page.Items)
}

// unseen wants changes with these verbs that the watch alone saw, which touch the agent's own.
func (w *world) unseen(list []seaworthy.Change, verbs ...string) error {
	if len(list) != len(verbs) {
		return fmt.Errorf("on record is:\n%s", told1(list))
	}
	for i, c := range list {
		if c.Verb != verbs[i] || c.Actor.Username != "" || sighted(&c) != seaworthy.SeenByWatch || c.Outcome != seaworthy.OutcomePersisted ||
			!slices.Contains(c.Flags, seaworthy.FlagOwnConfig) || c.Match != seaworthy.MatchOutOfBand {
			return fmt.Errorf("on record is:\n%s", told1(list))
		}
	}
	return nil
}

// digests wants the first of some changes of a Secret to say that a value is another one now,
// and none what it is.
func digests(list []seaworthy.Change) error {
	if len(list) == 0 {
		return errNotYet
	}
	i := slices.IndexFunc(list[0].Edits, func(e seaworthy.Edit) bool { return e.Path == "data.url" })
	if i < 0 || !strings.Contains(list[0].Edits[i].Before, "hmac-sha256:") || !strings.Contains(list[0].Edits[i].After, "hmac-sha256:") {
		return fmt.Errorf("the first change says %+v", list[0].Edits)
	}
	return nil
}

// nowhere looks for values in what is on record, what was told, and what the programs printed.
func (w *world) nowhere(values ...string) {
	w.t.Helper()
	all, err := w.tryChanges(url.Values{})
	if err != nil {
		w.t.Fatal(err)
	}
	record, err := json.Marshal(all)
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(record) + w.told.all() + w.receiver.all() + w.said()
	for _, v := range values {
		for _, form := range []string{v, base64.StdEncoding.EncodeToString([]byte(v))} {
			if strings.Contains(text, form) {
				w.t.Errorf("the value %s is on record, was told or was printed", form)
			}
		}
	}
}

// TestItsOwnSecretsCannotBeWatched has the right to follow one of them taken away: each report
// says what it does not see, and the agent what it lacks.
func TestItsOwnSecretsCannotBeWatched(t *testing.T) {
	t.Parallel()
	w := enter(t, audited(auditOff))
	jane, credentials := w.admin(), credentialsOf(name)
	role := "/apis/rbac.authorization.k8s.io/v1/namespaces/" + namespace + "/roles/" + name
	rules, _ := jane.must(http.MethodGet, role, nil)["rules"].([]any)
	jane.must(http.MethodPatch, role, object{"rules": slices.DeleteFunc(rules, func(r any) bool {
		names, _ := r.(object)["resourceNames"].([]any)
		return slices.Contains(names, any(credentials))
	})})
	r := w.agent("one")
	w.ready(r)
	about := namespace + "/" + credentials + ": forbidden"
	w.until("the agent says what it lacks", time.Minute, func() error {
		return w.beats(func(h *seaworthy.Heartbeat) bool {
			return strings.HasPrefix(h.Unlisted["Secret"], kube.SecretsNotAsked+"; "+about) && slices.Contains(h.Lacking, "watch secrets/"+credentials) && len(h.Excess) == 0
		})
	})
	w.until("the report is not complete, and says why", time.Minute, func() error {
		var page struct{ Items []seaworthy.Run }
		if err := w.server.Try(http.MethodGet, "/api/v1/runs?source="+w.source.ID, nil, &page); err != nil {
			return err
		}
		for _, run := range page.Items {
			if !run.Complete && slices.ContainsFunc(run.Unlisted, func(p seaworthy.Problem) bool { return strings.Contains(p.Message, about) }) {
				return nil
			}
		}
		return fmt.Errorf("%+v", page.Items)
	})
	w.until("that is a gap, and people are told", time.Minute, func() error {
		if w.gap("incomplete", about, time.Time{}) == nil || len(w.told.got(seaworthy.NoticeGap, "incomplete")) == 0 {
			return fmt.Errorf("gaps:\n%s\nthe server told:\n%s", listed(w.gaps()), w.told.all())
		}
		return nil
	})
}

// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
)

func approved(w seaworthy.Waiver) seaworthy.TrackedWaiver {
	w.Owner, w.Approver, w.Reason = "o", "a", "r"
	if w.Expires.IsZero() {
		w.Expires = seaworthy.Date{Time: day().Truncate(24 * time.Hour)}
	}
	return seaworthy.TrackedWaiver{State: seaworthy.WaiverApproved, Waiver: w}
}

func TestNativeWaivers(t *testing.T) {
	end := day().Truncate(24*time.Hour).AddDate(0, 0, 1).Format(time.RFC3339)
	of := func(w seaworthy.TrackedWaiver, change func(*seaworthy.TrackedWaiver)) seaworthy.TrackedWaiver {
		change(&w)
		return w
	}
	plain := approved(seaworthy.Waiver{Check: "host-*"})
	list := []seaworthy.TrackedWaiver{
		plain,
		approved(seaworthy.Waiver{Check: "host-pid", Kind: "Pod", Namespace: "shop-?", Name: `web.[^a-c]`, Container: "app*"}),
		of(plain, func(w *seaworthy.TrackedWaiver) { w.Check, w.State = "host-ipc", seaworthy.WaiverRequested }),
		of(plain, func(w *seaworthy.TrackedWaiver) { w.Check, w.SourceID = "host-ipc", "another" }),
		of(plain, func(w *seaworthy.TrackedWaiver) {
			w.Check, w.Expires = "host-ipc", seaworthy.Date{Time: day().AddDate(0, 0, -2)}
		}),
		approved(seaworthy.Waiver{Check: "host-ipc", Fingerprint: "known"}),
		approved(seaworthy.Waiver{Check: "host-ipc", Fingerprint: "unknown"}),
		approved(seaworthy.Waiver{Check: "host-ipc", Name: "a\tb"}),
	}
	got, left := admission.NativeWaivers([]string{"host-pid", "host-ipc"}, list, "mine", day(), func(w seaworthy.Waiver) (string, bool) {
		return "spec.hostIPC", w.Fingerprint == "known"
	})
	want := map[string]string{
		"waivers.host-pid": end + "\t\t\t\t\n" + end + "\t^Pod$\t^shop-[^/]$\t" + `^web\.[^a-c]$` + "\t" + `^([^\[]*\.)?[A-Za-z]*[cC]ontainers\[app[^/]*\]`,
		"waivers.host-ipc": end + "\t\t\t\t\n" + end + "\t\t\t\t" + `^spec\.hostIPC$`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(left) != 2 || !strings.Contains(left[0], "one finding") || !strings.Contains(left[1], "cannot match") {
		t.Errorf("left out: %q", left)
	}
}

// TestNativeWaiversFit: a ConfigMap that the API server does not take would keep in force what
// was revoked, so what has no room is left out, and said.
func TestNativeWaiversFit(t *testing.T) {
	var list []seaworthy.TrackedWaiver
	for i := range 300 {
		list = append(list, approved(seaworthy.Waiver{Check: "host-*", Namespace: "shop", Name: strings.Repeat("a", 240), Container: strings.Repeat("b", 1+i%200)}))
	}
	ids := []string{}
	for i := range 20 {
		ids = append(ids, "host-"+string(rune('a'+i)))
	}
	data, left := admission.NativeWaivers(ids, list, "", day(), nil)
	size, lines := 0, 0
	for key, text := range data {
		size += len(key) + len(text)
		lines += strings.Count(text, "\n") + 1
	}
	if size > 1<<20 || lines < 2000 || len(left) == 0 || !strings.Contains(left[0], "holds no more") {
		t.Errorf("%d lines in %d bytes; left out %q", lines, size, left)
	}
}

// TestNativePatterns: what a line of a waiver matches is what path.Match matches.
func TestNativePatterns(t *testing.T) {
	names := []string{"", "a", "b", "ab", "a-b", "web-1", "web/1", "web.1", "x[1]", "Ü", "]", "^", "-", `\`, "a]"}
	for _, pattern := range []string{"*", "?", "a*", "*b", "web?1", "web.*", "[a-c]", "[^a]", "[a-]", `[\]a]`, `[\-a]`, `x\[1\]`, `\*`, "Ü", "[^^]", "a]", "(a|b)", "a+"} {
		data, left := admission.NativeWaivers([]string{"c"}, []seaworthy.TrackedWaiver{approved(seaworthy.Waiver{Check: "c", Name: pattern})}, "", day(), nil)
		if len(left) > 0 {
			t.Errorf("%q: %v", pattern, left)
			continue
		}
		e := regexp.MustCompile(strings.Split(data["waivers.c"], "\t")[3])
		for _, name := range names {
			want, err := path.Match(pattern, name)
			if got := e.MatchString(name); err == nil && got != want {
				t.Errorf("%q matches %q: %t, want %t (as %s)", pattern, name, got, want, e)
			}
		}
	}
}

func TestNativeItem(t *testing.T) {
	o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web"}
	for _, test := range []struct{ path, container, key string }{
		{"spec.template.spec.hostPID", "", "spec.template.spec.hostPID"},
		{"spec.template.spec.initContainers[2].securityContext.privileged", "a$1", "spec.template.spec.initContainers[a$1].securityContext.privileged"},
	} {
		f := &seaworthy.Finding{Check: "c", Object: o, Path: test.path, Container: test.container, Fingerprint: seaworthy.Fingerprint("prod", "c", o, test.key)}
		if got, ok := admission.NativeItem("prod", f); !ok || got != test.key {
			t.Errorf("%s: %q %t", test.path, got, ok)
		}
		if got, ok := admission.NativeItem("other", f); ok {
			t.Errorf("%s of another source: %q", test.path, got)
		}
	}
}

func TestNativeMode(t *testing.T) {
	k := &seaworthy.Check{ID: "host-pid", Category: "Security", Severity: "high"}
	for name, test := range map[string]struct {
		settings []admission.ModeIn
		want     string
		modes    []admission.Mode
	}{
		"nothing speaks of it": {modes: []admission.Mode{"audit"}},
		"of others": {[]admission.ModeIn{
			{Checks: []string{"host-ipc"}, Mode: "deny"}, {Clusters: []string{"test-*"}, Mode: "deny"}, {Environments: []string{"staging"}, Mode: "deny"}, {AtLeast: "critical", Mode: "deny"},
		}, "", []admission.Mode{"audit"}},
		"everywhere": {[]admission.ModeIn{{Clusters: []string{"pro*"}, Environments: []string{"production"}, Checks: []string{"security"}, Mode: "deny"}, {Mode: "warn"}}, "", []admission.Mode{"deny"}},
		"by name": {[]admission.ModeIn{{Namespaces: []string{"kiosk", "dev-*"}, Mode: "off"}, {Namespaces: []string{"it's"}, Mode: "warn"}},
			`((object.kind == 'Namespace' && object.apiVersion == 'v1' ? object.metadata.name : request.?namespace.orValue('')).matches('^dev-[^/]*$') || (object.kind == 'Namespace' && object.apiVersion == 'v1' ? object.metadata.name : request.?namespace.orValue('')) in ['kiosk']) ? 'off' : ((object.kind == 'Namespace' && object.apiVersion == 'v1' ? object.metadata.name : request.?namespace.orValue('')) in ['it\'s']) ? 'warn' : 'audit'`, []admission.Mode{"off", "audit", "warn"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, modes, err := admission.NativeMode(k, test.settings, "production", "production", admission.Audit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got) + cmp.Diff(test.modes, modes); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, _, err := admission.NativeMode(k, []admission.ModeIn{{Labels: "a in (", Mode: "deny"}}, "", "", admission.Audit); err == nil {
		t.Error("a malformed selector is taken")
	}
}

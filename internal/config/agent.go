// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/seaworthy-dev/seaworthy"
)

// Agent is what an agent does in its cluster beside watching it.
type Agent struct {
	Admission Admission `yaml:"admission" doc:"The validating webhook"`
	Audit     Audit     `yaml:"audit" doc:"Where audit events of the API server come from"`
	Notices   Notices   `yaml:"notices" doc:"Who the agent itself tells, so that a stopped server silences nothing"`
	Reports   Reports   `yaml:"reports" doc:"What the agent writes into the cluster for other tools"`
	Secrets   []string  `yaml:"secrets" doc:"Secrets of the agent's namespace with which it works, such as that with the credentials of notices. It follows them, and its own two, to tell who touches them"`
}

// Reports says what the agent writes into the cluster.
type Reports struct {
	OpenReports bool `yaml:"openReports" doc:"Keep Reports and ClusterReports of openreports.io with what is found now. Their CustomResourceDefinitions have to be there"`
}

// Admission says what the webhook makes of checks that fail.
type Admission struct {
	Off           bool            `yaml:"off" doc:"Install no webhook; changes are then seen without who asked, but for audit events"`
	Mode          string          `yaml:"mode" oneOf:"off audit warn deny" doc:"What comes of a check of which no other mode speaks. Default: audit"`
	Modes         []AdmissionMode `yaml:"modes" doc:"Modes of some checks somewhere; the first that speaks of a check counts"`
	FailurePolicy string          `yaml:"failurePolicy" oneOf:"Ignore Fail" doc:"What comes of a request when the webhook does not answer or cannot judge. Default: Ignore"`
	WholeUpdates  bool            `yaml:"wholeUpdates" doc:"Refuse updates for what was bad before, too"`
	JudgeOwned    bool            `yaml:"judgeOwned" doc:"Judge what controllers make by itself, and not only through its owner"`
	Controllers   []string        `yaml:"controllers" doc:"Users whose word on the owner of an object is taken, such as the ServiceAccounts of operators"`
	Signatures    Signatures      `yaml:"signatures" doc:"Which images have to be signed; judged as the check image-signature-unverified, in its mode"`
	Certificate   string          `yaml:"certificate" doc:"File of a certificate that something else keeps fresh, such as cert-manager. Default: the agent makes its own"`
	Key           string          `yaml:"key" doc:"File with the key of that certificate"`
	Authority     string          `yaml:"authority" doc:"File with who signed that certificate"`
}

// AdmissionMode sets the mode of some checks somewhere; what is empty holds for everything.
type AdmissionMode struct {
	Checks       []string `yaml:"checks" doc:"Ids or categories of checks, or custom for your own"`
	AtLeast      string   `yaml:"atLeast" oneOf:"critical high medium low info" doc:"The lowest severity"`
	Clusters     []string `yaml:"clusters" doc:"Names of clusters or patterns"`
	Environments []string `yaml:"environments" doc:"What clusters are used for: production, staging, development"`
	Namespaces   []string `yaml:"namespaces" doc:"Names of namespaces or patterns"`
	Labels       string   `yaml:"labels" doc:"A selector of the labels of namespaces"`
	Mode         string   `yaml:"mode" required:"true" oneOf:"off audit warn deny" doc:"What comes of these checks there"`
}

// Audit says where audit events come from.
type Audit struct {
	TokenFile string `yaml:"tokenFile" doc:"File with the token that the API server's audit webhook shows at /audit. Without it no events are taken there"`
	Log       string `yaml:"log" doc:"The API server's audit log, which is followed, through its rotations too"`
}

// Notices says who the agent itself tells of what.
type Notices struct {
	Destinations []NoticeDestination `yaml:"destinations" doc:"Where notices go"`
	Rules        []NoticeRule        `yaml:"rules" doc:"Which notices go where. Default: all that cannot wait, to every destination"`
	Allow        []string            `yaml:"allow" doc:"Private networks to which notices may go, such as 10.1.0.0/16"`
}

// NoticeDestination is one place that takes notices. Secrets are in files.
type NoticeDestination struct {
	Name       string   `yaml:"name" required:"true" doc:"What rules call it"`
	Kind       string   `yaml:"kind" required:"true" oneOf:"slack-webhook slack teams webhook email" doc:"What it is"`
	URL        string   `yaml:"url" doc:"Address of a signed webhook"`
	URLFile    string   `yaml:"urlFile" doc:"File with the address, which is a secret for Slack's and Teams' webhooks"`
	Channel    string   `yaml:"channel" doc:"Slack channel of a bot"`
	SecretFile string   `yaml:"secretFile" doc:"File with the bot's token, the key that signs (whsec_…) or the password"`
	Server     string   `yaml:"server" doc:"Mail server, host:port"`
	Username   string   `yaml:"username" doc:"User at the mail server"`
	From       string   `yaml:"from" doc:"Sender of mails"`
	To         []string `yaml:"to" doc:"Receivers of mails"`
}

// NoticeRule says which notices go where; what is empty means any.
type NoticeRule struct {
	Name         string   `yaml:"name" required:"true" doc:"What the rule is for"`
	Kinds        []string `yaml:"kinds" doc:"Kinds of notice"`
	Namespaces   []string `yaml:"namespaces" doc:"Names of namespaces or patterns"`
	Destinations []string `yaml:"destinations" required:"true" doc:"Names of destinations"`
}

// files are the settings that name files.
func (a *Agent) files() []*string {
	out := []*string{&a.Admission.Certificate, &a.Admission.Key, &a.Admission.Authority, &a.Audit.TokenFile, &a.Audit.Log}
	for i := range a.Notices.Destinations {
		out = append(out, &a.Notices.Destinations[i].URLFile, &a.Notices.Destinations[i].SecretFile)
	}
	return out
}

// validate finds values that no setting takes.
func (a *Agent) validate(bad func(path, flag, format string, args ...any)) {
	mode := func(path, value string, needed bool) {
		if (value != "" || needed) && !slices.Contains(Modes, value) {
			bad(path, "", "%q is not one of %s", value, strings.Join(Modes, ", "))
		}
	}
	mode("agent.admission.mode", a.Admission.Mode, false)
	for i, m := range a.Admission.Modes {
		at := fmt.Sprintf("agent.admission.modes[%d]", i)
		mode(at+".mode", m.Mode, true)
		if _, err := seaworthy.ParseSeverity(m.AtLeast); m.AtLeast != "" && err != nil {
			bad(at+".atLeast", "", "%v", err)
		}
		for _, p := range slices.Concat(m.Clusters, m.Namespaces) {
			if _, err := path.Match(p, ""); err != nil {
				bad(at, "", "the pattern %q is malformed", p)
			}
		}
	}
	if p := a.Admission.FailurePolicy; p != "" && p != "Ignore" && p != "Fail" {
		bad("agent.admission.failurePolicy", "", "%q is neither Ignore nor Fail", p)
	}
	if c := a.Admission; (c.Certificate == "") != (c.Key == "") || (c.Certificate == "") != (c.Authority == "") {
		bad("agent.admission.certificate", "", "certificate, key and authority go together")
	}
	for i, name := range a.Secrets {
		if len(validation.IsDNS1123Subdomain(name)) > 0 {
			bad(fmt.Sprintf("agent.secrets[%d]", i), "", "%q is no name of a Secret", name)
		}
	}
	a.Admission.Signatures.validate(bad)
	a.Notices.validate(bad)
}

func (n *Notices) validate(bad func(path, flag, format string, args ...any)) {
	names := map[string]bool{}
	kinds := []string{
		seaworthy.DestinationSlackWebhook, seaworthy.DestinationSlack, seaworthy.DestinationTeams, seaworthy.DestinationWebhook, seaworthy.DestinationEmail,
	}
	for i, d := range n.Destinations {
		at := fmt.Sprintf("agent.notices.destinations[%d]", i)
		if d.Name == "" || names[d.Name] {
			bad(at+".name", "", "each destination needs a name of its own")
		}
		names[d.Name] = true
		if !slices.Contains(kinds, d.Kind) {
			bad(at+".kind", "", "%q is not one of %s", d.Kind, strings.Join(kinds, ", "))
		}
	}
	for i, r := range n.Rules {
		at := fmt.Sprintf("agent.notices.rules[%d]", i)
		if r.Name == "" || len(r.Destinations) == 0 {
			bad(at, "", "it needs a name and destinations")
		}
		for _, d := range r.Destinations {
			if !names[d] {
				bad(at+".destinations", "", "there is no destination %q", d)
			}
		}
		for _, k := range r.Kinds {
			if !slices.Contains(seaworthy.NoticeKinds, seaworthy.NoticeKind(k)) {
				bad(at+".kinds", "", "there is no notice %q", k)
			}
		}
	}
	for _, p := range n.Allow {
		if _, err := netip.ParsePrefix(p); err != nil {
			bad("agent.notices.allow", "", "%q is no network such as 10.1.0.0/16", p)
		}
	}
}

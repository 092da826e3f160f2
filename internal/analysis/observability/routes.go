// SPDX-License-Identifier: Apache-2.0

package observability

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// alertmanagerConfig is what is read of Alertmanager's configuration, see
// https://prometheus.io/docs/alerting/latest/configuration/.
type alertmanagerConfig struct {
	Route     *alertRoute      `json:"route"`
	Receivers []map[string]any `json:"receivers"`
}

type alertRoute struct {
	Receiver string         `json:"receiver"`
	Continue bool           `json:"continue"`
	Match    map[string]any `json:"match"`
	MatchRE  map[string]any `json:"match_re"`
	Matchers []any          `json:"matchers"`
	Routes   []alertRoute   `json:"routes"`
}

// parseAlertmanager reads a configuration, or gives nil where the text is none.
func parseAlertmanager(text string) *alertmanagerConfig {
	if !snapshot.HoldsRoutes(text) {
		return nil
	}
	var c alertmanagerConfig
	if yaml.Unmarshal([]byte(text), &c) != nil || c.Route == nil && len(c.Receivers) == 0 {
		return nil
	}
	return &c
}

func (r *alertRoute) everything() bool { return len(r.Match)+len(r.MatchRE)+len(r.Matchers) == 0 }

// reached adds the receivers that alerts of a route can get to. A route that takes
// everything hides those after it, and the receiver of its parent.
func (r *alertRoute) reached(inherited string, names *[]string) {
	own := r.Receiver
	if own == "" {
		own = inherited
	}
	hidden := false
	for i := range r.Routes {
		child := &r.Routes[i]
		child.reached(own, names)
		if child.everything() {
			hidden = true
			if !child.Continue {
				break
			}
		}
	}
	if !hidden && !slices.Contains(*names, own) {
		*names = append(*names, own)
	}
}

// problems says what keeps alerts from getting to somebody. Items are keyed by the
// receiver's name; at is the path of the configuration in its object.
func (c *alertmanagerConfig) problems(at string) []seaworthy.Item {
	item := func(key, message string) seaworthy.Item {
		return seaworthy.Item{Key: strings.TrimPrefix(at+"."+key, "."), Path: at, Message: message}
	}
	if c.Route == nil {
		return []seaworthy.Item{item("route", "the configuration has no route")}
	}
	sends := map[string]bool{}
	for _, r := range c.Receivers {
		name, _ := r["name"].(string)
		sends[name] = integrated(r)
	}
	var names []string
	c.Route.reached("", &names)
	var items []seaworthy.Item
	delivered := false
	for _, name := range names {
		does, defined := sends[name]
		delivered = delivered || does
		switch {
		case !defined:
			items = append(items, item("receivers["+name+"]", fmt.Sprintf("a route leads to the receiver %q, which is not defined", name)))
		case !does && !sink(name):
			items = append(items, item("receivers["+name+"]", fmt.Sprintf("the receiver %q has no integration, so its alerts reach nobody", name)))
		}
	}
	if !delivered && len(items) == 0 {
		items = append(items, item("route", fmt.Sprintf("every route ends in a receiver that sends nothing (%s)", strings.Join(names, ", "))))
	}
	return items
}

// sink tells whether a receiver is called as those are that drop alerts on purpose.
func sink(name string) bool {
	switch strings.ToLower(name) {
	case "null", "none", "blackhole", "black-hole", "devnull", "dev-null", "/dev/null", "drop", "dropped", "discard", "noop", "watchdog", "deadmanssnitch":
		return true
	}
	return false
}

// integrated tells whether a receiver has an integration: a list called slack_configs,
// or slackConfigs in custom resources, that is not empty and not an example.
func integrated(receiver map[string]any) bool {
	for key, value := range receiver {
		list, _ := value.([]any)
		if !strings.HasSuffix(key, "_configs") && !strings.HasSuffix(key, "Configs") {
			continue
		}
		if slices.ContainsFunc(list, func(c any) bool { return !example(c) }) {
			return true
		}
	}
	return false
}

// example tells whether an integration sends to a domain reserved for examples.
func example(integration any) bool {
	m, ok := integration.(map[string]any)
	if !ok {
		return false
	}
	for _, key := range []string{"url", "api_url", "apiURL", "webhook_url", "urlSecret"} {
		text, _ := m[key].(string)
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" {
			continue
		}
		host := "." + u.Hostname()
		for _, reserved := range []string{".example", ".example.com", ".example.org", ".example.net", ".invalid", ".test"} {
			if strings.HasSuffix(host, reserved) {
				return true
			}
		}
	}
	return false
}

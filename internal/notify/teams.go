// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Teams sends to a workflow of Microsoft Teams that posts what a webhook receives.
type Teams struct {
	Client *http.Client
	URL    string // the secret
}

// teamsNotices is how many notices one card holds.
const teamsNotices = 20

// Send posts the message as an Adaptive Card 1.4.
func (s Teams) Send(ctx context.Context, m *Message) (string, error) {
	body, err := json.Marshal(map[string]any{
		"type":        "message",
		"attachments": []any{map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "content": teamsCard(m)}},
	})
	if err != nil {
		return "", fmt.Errorf("encode the message: %w", err)
	}
	_, err = post(ctx, s.Client, s.URL, nil, body)
	return "", err
}

func teamsCard(m *Message) map[string]any {
	text := func(s string, more map[string]any) map[string]any {
		out := map[string]any{"type": "TextBlock", "text": escapeTeams(s), "wrap": true}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	body := []any{text(shortened(m.Heading(), 300), map[string]any{"weight": "Bolder", "size": "Medium"})}
	var actions []any
	for i := range m.Notices {
		n := &m.Notices[i]
		if i == teamsNotices {
			body = append(body, text(fmt.Sprintf("… and %d more", len(m.Notices)-i), nil))
			break
		}
		if m.Digest || len(m.Notices) > 1 {
			body = append(body, text(shortened(n.Title, 300), map[string]any{"weight": "Bolder", "separator": true}))
		}
		facts := []any{}
		for _, d := range n.Details {
			facts = append(facts, map[string]any{"title": escapeTeams(d.Name), "value": escapeTeams(shortened(d.Value, 300))})
		}
		if len(facts) > 0 {
			body = append(body, map[string]any{"type": "FactSet", "facts": facts})
		}
		if link := m.link(n); link != "" && len(actions) < 5 { // Teams shows no more
			title := "Open"
			if len(m.Notices) > 1 {
				title = shortened("Open: "+n.Title, 60)
			}
			actions = append(actions, map[string]any{"type": "Action.OpenUrl", "title": title, "url": link})
		}
	}
	body = append(body, text(footer(m), map[string]any{"isSubtle": true, "size": "Small"}))
	return map[string]any{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"body": body, "actions": actions, "msteams": map[string]any{"width": "Full"},
	}
}

// escapeTeams keeps names of objects from being read as Markdown.
func escapeTeams(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "`", "\\`", "#", `\#`, "<", "&lt;", ">", "&gt;").Replace(oneLine(s))
}

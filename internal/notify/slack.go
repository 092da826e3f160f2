// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// SlackWebhook sends to an incoming webhook of Slack.
type SlackWebhook struct {
	Client *http.Client
	URL    string // the secret
}

// Send posts the message; an incoming webhook gives no reference and knows no threads.
func (s SlackWebhook) Send(ctx context.Context, m *Message) (string, error) {
	body, err := json.Marshal(slackMessage(m))
	if err != nil {
		return "", fmt.Errorf("encode the message: %w", err)
	}
	_, err = post(ctx, s.Client, s.URL, nil, body)
	return "", err
}

// SlackAPI is the address of Slack's Web API.
const SlackAPI = "https://slack.com/api"

// Slack sends as a bot, by chat.postMessage of the Web API; what is about one thing goes
// into one thread.
type Slack struct {
	Client  *http.Client
	API     string // empty: [SlackAPI]
	Token   string
	Channel string
}

// lasting are errors of the Web API that trying again does not mend.
var lasting = []string{
	"channel_not_found", "not_in_channel", "is_archived", "invalid_auth", "not_authed", "account_inactive", "token_revoked",
	"token_expired", "no_permission", "missing_scope", "org_login_required", "restricted_action", "msg_too_long", "invalid_blocks",
}

// Send posts the message and gives its timestamp, which names it in its channel.
func (s Slack) Send(ctx context.Context, m *Message) (string, error) {
	body := slackMessage(m)
	body["channel"] = s.Channel
	if m.Thread != "" {
		body["thread_ts"] = m.Thread
	}
	text, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encode the message: %w", err)
	}
	api := s.API
	if api == "" {
		api = SlackAPI
	}
	answer, err := post(ctx, s.Client, api+"/chat.postMessage", map[string]string{"Authorization": "Bearer " + s.Token}, text)
	if err != nil {
		return "", err
	}
	var said struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
		TS    string `json:"ts"`
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return "", errors.New("the answer is not Slack's")
	}
	if !said.OK {
		err := fmt.Errorf("Slack says %q", shortened(said.Error, 100)) //nolint:staticcheck // a name
		if slices.Contains(lasting, said.Error) {
			return "", Refusal{err}
		}
		return "", err
	}
	return said.TS, nil
}

// The limits of Slack's blocks.
const (
	slackBlocks  = 50
	slackSection = 2900
)

// slackMessage is the message in Slack's Block Kit, with a plain text for notifications of
// telephones and screen readers.
func slackMessage(m *Message) map[string]any {
	plain := func(s string) map[string]any { return map[string]any{"type": "plain_text", "text": s} }
	blocks := []any{}
	if m.Digest {
		blocks = append(blocks, map[string]any{"type": "header", "text": plain(shortened(m.Heading(), 150))})
	}
	for i := range m.Notices {
		n := &m.Notices[i]
		if len(blocks) >= slackBlocks-3 {
			blocks = append(blocks, slackText(fmt.Sprintf("… and %d more", len(m.Notices)-i)))
			break
		}
		section := slackText(slackNotice(n))
		if link := m.link(n); link != "" {
			section["accessory"] = map[string]any{"type": "button", "text": plain("Open"), "url": link}
		}
		blocks = append(blocks, section)
	}
	blocks = append(blocks, map[string]any{"type": "context", "elements": []any{plain(footer(m))}})
	return map[string]any{"text": escapeSlack(m.Heading()), "blocks": blocks}
}

func slackText(text string) map[string]any {
	return map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": text, "verbatim": true}}
}

func slackNotice(n *seaworthy.Notice) string {
	var b strings.Builder
	b.WriteString("*" + escapeSlack(shortened(n.Title, 300)) + "*")
	for _, d := range n.Details {
		line := "\n" + escapeSlack(d.Name) + ": " + escapeSlack(shortened(d.Value, 300))
		if b.Len()+len(line) > slackSection {
			b.WriteString("\n…")
			break
		}
		b.WriteString(line)
	}
	return b.String()
}

// escapeSlack keeps names of objects from being read as markup: links, mentions, channels.
func escapeSlack(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "*", "∗", "`", "'").Replace(oneLine(s))
}

// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Heading says in one line what a message is about.
func (m *Message) Heading() string {
	switch n := len(m.Notices); {
	case !m.Digest && n == 1:
		return m.Notices[0].Title
	case !m.Digest && n > 1:
		return fmt.Sprintf("%s, and %d more", m.Notices[0].Title, n-1)
	}
	return fmt.Sprintf("Seaworthy: %s of %s", count(len(m.Notices), "notice"), m.At.Format("2 January 2006"))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// footer says who writes, and why it cannot be called back.
func footer(m *Message) string {
	if m.BaseURL == "" {
		return "Seaworthy agent, " + m.At.UTC().Format(time.DateTime) + " UTC"
	}
	return "Seaworthy, " + m.At.UTC().Format(time.DateTime) + " UTC"
}

// link is the page that shows a notice; empty for none.
func (m *Message) link(n *seaworthy.Notice) string {
	if m.BaseURL == "" || !strings.HasPrefix(n.Path, "/") {
		return ""
	}
	return strings.TrimSuffix(m.BaseURL, "/") + n.Path
}

// plainText is the message as text, for e-mail.
func plainText(m *Message) string {
	var b strings.Builder
	for i := range m.Notices {
		n := &m.Notices[i]
		if i > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(oneLine(n.Title))
		for _, d := range n.Details {
			fmt.Fprintf(&b, "\n  %s: %s", oneLine(d.Name), oneLine(d.Value))
		}
		if link := m.link(n); link != "" {
			b.WriteString("\n  " + link)
		}
	}
	b.WriteString("\n\n-- \n" + footer(m) + "\n")
	return b.String()
}

// oneLine takes line breaks and other controls out of a text that comes from a cluster.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s)
}

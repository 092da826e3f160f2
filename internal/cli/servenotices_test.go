// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/cli"
)

// What is said of notices and makes no sense is refused before anything is opened, and the
// password is in no message.
func TestSettingsOfNoticesAreHeldTogether(t *testing.T) {
	dir := t.TempDir()
	password, empty := filepath.Join(dir, "password"), filepath.Join(dir, "empty")
	for file, text := range map[string]string{password: "T0PS3CR3T\n", empty: "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ flags, says string }{
		{"--smtp-from a@example.com", "needs --smtp-host"},
		{"--smtp-host mail.example.com", "needs --smtp-from"},
		{"--smtp-host mail.example.com --smtp-from nobody", "needs --smtp-from"},
		{"--smtp-host mail.example.com:99999 --smtp-from a@example.com", "1 to 65535"},
		{"--smtp-host mail.example.com --smtp-from a@example.com --smtp-tls often", "starttls, implicit or none"},
		{"--smtp-host mail.example.com --smtp-from a@example.com --smtp-user u", "go together"},
		{"--smtp-host mail.example.com --smtp-from a@example.com --smtp-user u --smtp-tls none --smtp-password-file " + password, "in the clear"},
		{"--smtp-host mail.example.com --smtp-from a@example.com --smtp-user u --smtp-password-file " + empty, "is empty"},
		{"--allow-outgoing everywhere", "neither an address nor a range"},
	} {
		data := filepath.Join(dir, "data")
		var out bytes.Buffer
		code := cli.Main(append([]string{"serve", "--data", data}, strings.Fields(c.flags)...), strings.NewReader(""), &out, &out)
		if code != 2 || !strings.Contains(out.String(), c.says) || strings.Contains(out.String(), "T0PS3CR3T") {
			t.Errorf("serve %s exits with %d: %s; want 2 and %q", c.flags, code, &out, c.says)
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("serve %s made a data folder", c.flags)
		}
	}
}

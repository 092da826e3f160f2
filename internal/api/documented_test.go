// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/api"
)

// documented gives the blocks of docs/api.md in a language, one after the other.
func documented(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, part := range strings.Split(string(text), "```"+language+"\n") {
		if i > 0 {
			block, _, _ := strings.Cut(part, "```")
			out.WriteString(block)
		}
	}
	if out.Len() == 0 {
		t.Fatalf("docs/api.md shows no %s", language)
	}
	return out.String()
}

// What the documentation shows is run as it stands there.
func TestCommandsAsDocumented(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, what docs/api.md shows was not tried: there is no %s", tool)
		}
	}
	w := here(t, api.Config{})
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/sources", map[string]any{"kind": "cluster", "name": "prod", "environment": "production"}).want(http.StatusCreated, nil)
	w.declare("other", "", "a", "b", "c")
	server := httptest.NewServer(w.api)
	defer server.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "report.json"), report("prod", w.now.Add(-time.Minute), "shop", "data"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", documented(t, "sh"))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "URL="+server.URL, "TOKEN="+w.as(seaworthy.Owner))
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{"owner\n", "401 Unauthorized: ", "critical privileged-container c/api", "Payments and billing\n", "it was changed in between", "2 findings opened\n"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("the commands say nothing like %q:\n%s", want, said)
		}
	}
}

// The Go of the documentation is that of this function.
func TestGoAsDocumented(t *testing.T) {
	w := here(t, api.Config{})
	w.declare("prod", "", "a", "b")
	server := httptest.NewServer(w.api)
	defer server.Close()
	if n, err := countOpen(t.Context(), server.URL, w.as(seaworthy.Viewer)); err != nil || n[seaworthy.Critical] != 2 {
		t.Errorf("countOpen = %v, %v, want two critical ones", n, err)
	}
	if _, err := countOpen(t.Context(), server.URL, "swt_nonsense"); err == nil || !strings.Contains(err.Error(), "does not hold any more") {
		t.Errorf("with a token that nobody made: %v", err)
	}
	source, err := os.ReadFile("documented_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(source), "(_ map[seaworthy.Severity]int, err error) {\n")
	body, _, _ = strings.Cut(body, "\treturn open, err\n")
	shown := "\t" + strings.ReplaceAll(strings.TrimSuffix(strings.NewReplacer("return err\n", "return nil, err\n", "return fmt", "return nil, fmt").Replace(documented(t, "go")), "\n"), "\n", "\n\t") + "\n"
	if shown != body {
		t.Errorf("docs/api.md shows other Go than the test has:\n%s\nwant\n%s", shown, body)
	}
}

func countOpen(ctx context.Context, url, token string) (_ map[seaworthy.Severity]int, err error) {
	c, err := client.New(client.Config{URL: url, Token: token})
	if err != nil {
		return nil, err
	}
	open := map[seaworthy.Severity]int{}
	err = c.Findings(ctx, map[string][]string{"status": {"open"}}, func(page []seaworthy.TrackedFinding) error {
		for _, f := range page {
			open[f.Severity]++
		}
		return nil
	})
	var refused *client.Error
	if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
		return nil, fmt.Errorf("the token does not hold any more: %s", refused.Detail)
	}
	return open, err
}

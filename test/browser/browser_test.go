// SPDX-License-Identifier: Apache-2.0

// Package browser looks at the pages in a real browser: pictures of every page, in both
// themes and on a desk and a telephone, and what axe-core says of them.
package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// Shots names the variable that holds the folder for pictures; without it none are kept.
const Shots = "SEAWORTHY_SHOTS"

// start opens a browser, or says loudly that there is none.
func start(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("the pages were NOT looked at in a browser: -short")
	}
	path := "/usr/bin/chromium"
	if own := os.Getenv("SEAWORTHY_CHROMIUM"); own != "" {
		path = own
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the pages were NOT looked at in a browser: there is no %s; install the package chromium, or name another in SEAWORTHY_CHROMIUM", path)
	}
	ctx, cancel := chromedp.NewContext(t.Context(), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true),
	))
	t.Cleanup(cancel)
	return ctx
}

// screen is a size at which pages are looked at.
type screen struct {
	name          string
	width, height int64
}

var screens = []screen{{"desk", 1440, 900}, {"tablet", 1024, 768}, {"phone", 390, 844}}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// signIn goes in by the form, as people do.
func signIn(t *testing.T, ctx context.Context, s *uitest.Site, r seaworthy.Role) {
	t.Helper()
	do(t, ctx,
		chromedp.Navigate(s.URL+"/sign-in"),
		chromedp.SendKeys("#email", s.Users[r].Email),
		chromedp.SendKeys("#password", uitest.Password),
		chromedp.Click("form button.primary"),
		chromedp.WaitVisible(".rail"),
	)
}

func TestLook(t *testing.T) {
	ctx := start(t)
	s := uitest.New(t)
	shoot(t, ctx, s, "empty-sign-in", "/sign-in")
	signIn(t, ctx, s, seaworthy.Owner)
	shoot(t, ctx, s, "no-program", "/requirements")
	for name, path := range s.Pages() {
		glance(t, ctx, s, "empty-"+name, path)
	}
	s.Fill()
	do(t, ctx, chromedp.Navigate(s.URL+"/static/"))
	signIn(t, ctx, s, seaworthy.Owner)
	for name, path := range s.Pages() {
		shoot(t, ctx, s, name, path)
	}
	t.Run("keyboard", func(t *testing.T) { keyboard(t, ctx, s) })
	t.Run("paper", func(t *testing.T) { paper(t, ctx, s) })
}

// axe is the script that judges accessibility, or empty where it was not fetched.
func axe(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(cache, "seaworthy", "axe-core-4.14.1.js"))
	if err != nil {
		t.Log("accessibility was NOT judged: run test/browser/fetch-axe first")
		return ""
	}
	return string(data)
}

// judged is what axe-core found on a page.
type judged struct {
	Rule, Help, Target string
}

// judge has axe-core look at the page that is open.
func judge(t *testing.T, ctx context.Context, script, what string) {
	t.Helper()
	if script == "" {
		return
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script+"; true")); err != nil {
		t.Fatal(err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]judged](`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then(r => r.violations.flatMap(v => v.nodes.slice(0, 3).map(n => ({Rule: v.id, Help: v.help, Target: n.target.join(" ") + " " + (n.any[0]?.message || "")}))))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Errorf("%s: %s (%s): %s", what, f.Help, f.Rule, f.Target)
	}
}

// shoot looks at a page at every size and in both themes.
func shoot(t *testing.T, ctx context.Context, s *uitest.Site, name, path string) {
	t.Helper()
	if !chosen(name) {
		return
	}
	for _, size := range screens {
		do(t, ctx, chromedp.EmulateViewport(size.width, size.height), chromedp.Navigate(s.URL+path))
		look(t, ctx, size, name, path)
	}
}

// glance looks at a page on a desk in the light and on a telephone in the dark: what is
// empty has little that could differ.
func glance(t *testing.T, ctx context.Context, s *uitest.Site, name, path string) {
	t.Helper()
	if !chosen(name) {
		return
	}
	for theme, size := range map[string]screen{"light": screens[0], "dark": screens[2]} {
		do(t, ctx, chromedp.EmulateViewport(size.width, size.height), chromedp.Navigate(s.URL+path))
		look(t, ctx, size, name, path, theme)
	}
}

// shootHere looks at the page that is open, for those that no address leads to.
func shootHere(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if !chosen(name) {
		return
	}
	for _, size := range screens {
		do(t, ctx, chromedp.EmulateViewport(size.width, size.height))
		look(t, ctx, size, name, name)
	}
}

// look looks at what is on the screen, in both themes or those that are named.
func look(t *testing.T, ctx context.Context, size screen, name, what string, themes ...string) {
	t.Helper()
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
	if err != nil {
		t.Fatal(err)
	}
	if wide > size.width {
		t.Errorf("%s on a %s is %d pixels wide, the screen is %d", what, size.name, wide, size.width)
	}
	if len(themes) == 0 {
		themes = []string{"light", "dark"}
	}
	script := axe(t)
	for _, theme := range themes {
		// Without transitions, for a colour on its way is no colour of ours.
		text(t, ctx, `document.styleSheets[0].insertRule("* { transition: none !important }"), document.documentElement.dataset.theme = "`+theme+`"`)
		if size.name == "tablet" && theme == "dark" {
			continue // between the two there is nothing of its own
		}
		judge(t, ctx, script, fmt.Sprintf("%s, %s, %s", what, size.name, theme))
		keep(t, ctx, fmt.Sprintf("%s-%s-%s", name, size.name, theme))
	}
}

// keep keeps a picture of the whole page, where a folder for pictures is named.
func keep(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv(Shots)
	if dir == "" {
		return
	}
	data, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// chosen tells whether a page is looked at: all are, unless some are named.
func chosen(name string) bool {
	only := os.Getenv("SEAWORTHY_SHOTS_ONLY")
	return only == "" || slices.Contains(strings.Split(only, ","), name)
}

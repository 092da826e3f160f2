// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// press presses a key and waits for what comes of it.
func press(t *testing.T, ctx context.Context, key, expression, want string) {
	t.Helper()
	do(t, ctx, chromedp.KeyEvent(key))
	until(t, ctx, "after "+key, expression, want)
}

// until waits for an expression to be something: a machine that has much to do is slow.
func until(t *testing.T, ctx context.Context, when, expression, want string) {
	t.Helper()
	got := ""
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); {
		// While a page goes, there is nothing to ask.
		if v, err := chromedp.Run(ctx, chromedp.Evaluate[string](`String(`+expression+`)`)); err == nil {
			if got = v; got == want {
				return
			}
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s, %s is %s, want %s", when, expression, got, want)
}

const (
	walked = `[...document.querySelectorAll("[data-rows] tbody tr")].indexOf(document.querySelector("tr.at"))`
	opened = `document.getElementById("keys").open`
	where  = `location.pathname`
	ready  = `document.readyState + " " + document.documentElement.classList.contains("js")`
)

// keyboard works as people do who do not reach for the mouse.
func keyboard(t *testing.T, ctx context.Context, s *uitest.Site) {
	to := func(path string) {
		t.Helper()
		do(t, ctx, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(s.URL+path))
		until(t, ctx, "at "+path, ready, "complete true")
	}
	t.Run("list", func(t *testing.T) {
		to("/findings")
		press(t, ctx, "j", walked, "0")
		press(t, ctx, "j", walked, "1")
		press(t, ctx, "k", walked, "0")
		press(t, ctx, "x", `document.querySelector("tr.at input").checked`, "true")
		press(t, ctx, "f", `document.activeElement.matches("main [role=search] input")`, "true")
		// Whoever writes gives no commands. (A browser that is driven writes the f, too.)
		text(t, ctx, `document.activeElement.value = ""`)
		press(t, ctx, "g", `document.activeElement.value`, "g")
		press(t, ctx, "l", `document.activeElement.value + location.pathname`, "gl/findings")
		press(t, ctx, "?", `document.activeElement.value + document.getElementById("keys").open`, "gl?false")
		to("/findings")
		press(t, ctx, "/", `document.activeElement.matches("[data-search]")`, "true")
		press(t, ctx, "\x1b", `document.activeElement.matches("[data-search]")`, "false")
		press(t, ctx, "j", walked, "0")
		row := text(t, ctx, `document.querySelector("tr.at a").pathname`)
		press(t, ctx, "\r", where, row)
	})
	t.Run("places", func(t *testing.T) {
		for key, path := range map[string]string{"o": "/", "f": "/findings", "w": "/workloads", "v": "/waivers", "r": "/requirements", "c": "/controls", "e": "/evidence", "d": "/due", "l": "/log"} {
			to("/account")
			do(t, ctx, chromedp.KeyEvent("g"))
			press(t, ctx, key, where, path)
		}
		to("/account")
		press(t, ctx, "l", where, "/account") // without the g before it leads nowhere
	})
	t.Run("parts", func(t *testing.T) {
		to("/evidence")
		first := text(t, ctx, `location.href`)
		next := text(t, ctx, `document.querySelector("a[rel=next]").href`)
		press(t, ctx, "n", `location.href`, next)
		until(t, ctx, "at the next part", ready, "complete true")
		press(t, ctx, "p", `location.href`, first)
	})
	t.Run("help", func(t *testing.T) {
		to("/")
		press(t, ctx, "?", opened, "true")
		for _, key := range []string{"j", "k", "x", "/", "f", "n", "p", "g", "Enter", "Esc", "?"} {
			if text(t, ctx, `[...document.querySelectorAll("#keys kbd")].some(k => k.textContent === "`+key+`" && k.checkVisibility())`) != "true" {
				t.Errorf("the help does not name the key %s", key)
			}
		}
		press(t, ctx, "f", where, "/") // while it is open, keys do nothing
		press(t, ctx, "\x1b", opened, "false")
	})
	t.Run("filter", func(t *testing.T) {
		to("/findings")
		text(t, ctx, `window.here = true`)
		do(t, ctx, chromedp.Click(`.facets a[href*="severity=critical"]`), chromedp.WaitVisible(`.chip[href="/findings"]`))
		// The filter is in the address, and it is no new page.
		until(t, ctx, "after a filter was chosen", `location.search + " " + window.here`, "?severity=critical true")
	})
}

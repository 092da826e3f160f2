// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"context"
	"regexp"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// sheet is a page of A4 within its margins, in CSS pixels.
var sheet = screen{"paper", 703, 1000}

// amiss lists what is wrong with a page on paper: what can only be used on a screen is
// there, or what stands on the screen is not, or only in part.
const amiss = `(() => {
	const out = [], name = (e) => e.localName + (e.id ? "#" + e.id : "") + (e.className.length ? "." + String(e.className).replaceAll(" ", ".") : "") + " " + JSON.stringify((e.textContent || "").trim().replace(/\s+/g, " ").slice(0, 60));
	const seen = (e) => e.checkVisibility() && e.getClientRects().length > 0;
	for (const e of document.querySelectorAll(".rail, .top, .skip, .facets-box, .bulk, .pages, .tabs, .copy, .menu, button, .btn, input[type=file], dialog")) if (seen(e)) out.push("is on paper: " + name(e));
	if (document.documentElement.scrollWidth > innerWidth) out.push("is " + document.documentElement.scrollWidth + " pixels wide, the paper is " + innerWidth);
	if (getComputedStyle(document.body).backgroundColor !== "rgb(255, 255, 255)") out.push("has the ground " + getComputedStyle(document.body).backgroundColor);
	for (const e of document.querySelectorAll("main *")) {
		if (!seen(e) || e.closest(".quiet, svg, select, .prints") || !e.textContent.trim()) continue;
		const s = getComputedStyle(e);
		if (s.display === "inline") continue;
		if (s.overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1) out.push("is cut off at its side: " + name(e));
		if (s.overflowY !== "visible" && e.scrollHeight > e.clientHeight + 1) out.push("is cut off below: " + name(e));
		const r = e.getBoundingClientRect();
		if (r.right > innerWidth + 1) out.push("leaves the paper by " + Math.round(r.right - innerWidth) + ": " + name(e));
		if (r.width < 26 && r.height > 50 && e.innerText.trim()) out.push("is squeezed to " + Math.round(r.width) + " by " + Math.round(r.height) + ": " + name(e));
	}
	for (const e of document.querySelectorAll("main tbody tr, main .lines > li, main .timeline > li, main dd")) if (!seen(e) && !e.closest(".behind, .menu, .overview, .guide, form:not(:has(table)), .fold:has(form)")) out.push("is not on paper: " + name(e));
	for (const e of document.querySelectorAll("main details:not(.menu, .behind, .facets-box, .guide)")) if (!e.querySelector("form")) for (const c of e.children) if (c.localName !== "summary" && !seen(c)) out.push("is folded away: " + name(c));
	for (const a of document.querySelectorAll("main a[href^=http]")) {
		const after = getComputedStyle(a, "::after").content, bare = (u) => u.replace(/^https?:\/\//, "").replace(/\/$/, "");
		if (seen(a) && !after.includes(a.getAttribute("href")) && !bare(a.textContent.trim()).includes(bare(a.getAttribute("href")))) out.push("does not say where it leads: " + name(a));
	}
	for (const e of document.querySelectorAll("main .ago")) if (seen(e) && (seen(e.firstElementChild) || !(e.closest(".overview") ? /\s\d{4}/ : /\s\d{4} \d\d:\d\d\sUTC/).test(getComputedStyle(e, "::after").content))) out.push("tells a time from the present: " + name(e));
	return [...new Set(out)].slice(0, 12);
})()`

// paper looks at every page as it is printed, also by who has the dark theme.
func paper(t *testing.T, ctx context.Context, s *uitest.Site) {
	emulate := func(media string) {
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media}); err != nil {
			t.Fatal(err)
		}
	}
	emulate("print")
	defer emulate("")
	for name, path := range s.Pages() {
		if !chosen(name) {
			continue
		}
		do(t, ctx, chromedp.EmulateViewport(sheet.width, sheet.height), chromedp.Navigate(s.URL+path))
		text(t, ctx, `document.documentElement.dataset.theme = "dark"`)
		wrong, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](amiss))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range wrong {
			t.Errorf("%s, printed: %s", path, w)
		}
		keep(t, ctx, name+"-paper")
	}
	do(t, ctx, chromedp.Navigate(s.URL+"/"))
	printed, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69, PreferCSSPageSize: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(printed.Data, -1)); n != 1 || !bytes.HasPrefix(printed.Data, []byte("%PDF")) {
		t.Errorf("the overview takes %d sheets, want one", n)
	}
}
